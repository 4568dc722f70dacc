// The parsed form of a --where expression: and, or, not over tests of one property each.
#pragma once

#include <regex.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "output/where.h"

namespace weir {

enum class Comparison : std::uint8_t {
  kPresent,  // a name alone
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kMatches,
  kMatchesNot
};

enum class Property : std::uint8_t {
  kProtocol,
  kTransport,
  kStatus,
  kQuality,
  kDuration,
  kClient,
  kServer,
  kClientPort,
  kServerPort,
  kRequestSize,
  kResponseSize,
  kRequestWire,
  kResponseWire,
  kAttribute
};

// A compiled POSIX extended regular expression.
class Regex {
 public:
  Regex() = default;
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;
  ~Regex() {
    if (compiled_) regfree(&regex_);
  }
  // Empty when it compiled, else what is wrong.
  std::string compile(const std::string& pattern);
  bool found_in(std::string_view text) const;

 private:
  regex_t regex_{};
  bool compiled_ = false;
};

// An address or network, a port, or both.
struct Peer {
  IpAddress address;
  int prefix_bits = -1;  // -1: any address
  std::optional<std::uint16_t> port;

  static std::optional<Peer> parse(std::string_view text);
  bool holds(const Endpoint& endpoint) const;
};

struct Where::Expression {
  enum class Kind : std::uint8_t { kAnd, kOr, kNot, kTest };

  Kind kind = Kind::kTest;
  std::vector<std::unique_ptr<const Expression>> parts;  // of and, or, not

  Property property = Property::kAttribute;
  Comparison comparison = Comparison::kPresent;
  std::string name;  // of an attribute
  std::string text;  // what is compared with
  std::optional<std::int64_t> integer;
  std::optional<double> number;
  std::unique_ptr<Regex> regex;
  std::optional<Peer> peer;

  bool matches(const RoundTrip& trip) const;

 private:
  bool test(const RoundTrip& trip) const;
  bool test_attribute(const RoundTrip& trip) const;
  bool test_value(const FieldValue& value) const;
  bool test_text(std::string_view value) const;
  bool test_integer(std::int64_t value) const;
  bool test_peer(const Endpoint& endpoint) const;
};

}  // namespace weir
