#include "output/where.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "output/where_expression.h"

namespace weir {
namespace {

template <class Value>
bool compare(Comparison comparison, const Value& value, const Value& with) {
  switch (comparison) {
    case Comparison::kEqual:
      return value == with;
    case Comparison::kNotEqual:
      return value != with;
    case Comparison::kLess:
      return value < with;
    case Comparison::kLessEqual:
      return value <= with;
    case Comparison::kGreater:
      return value > with;
    case Comparison::kGreaterEqual:
      return value >= with;
    default:
      return false;
  }
}

bool is_negative(Comparison comparison) {
  return comparison == Comparison::kNotEqual || comparison == Comparison::kMatchesNot;
}

std::int64_t limited(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX));
}

std::optional<int> parse_small(std::string_view text, int max) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > max) {
    return std::nullopt;
  }
  return value;
}

// A port after the last colon: of a bracketed address or of an IPv4 one.
bool split_port(std::string_view& text, std::optional<std::uint16_t>& port) {
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  const bool has_port = colon != std::string_view::npos &&
                        (bracketed ? colon > 0 && text[colon - 1] == ']' : colon == text.find(':'));
  if (has_port) {
    const auto number = parse_small(text.substr(colon + 1), 65535);
    if (!number) return false;
    port = static_cast<std::uint16_t>(*number);
    text = text.substr(0, colon);
  }
  if (!bracketed) return true;
  if (!text.ends_with(']')) return false;
  text = text.substr(1, text.size() - 2);
  return true;
}

}  // namespace

std::string Regex::compile(const std::string& pattern) {
  const int error = regcomp(&regex_, pattern.c_str(), REG_EXTENDED | REG_NOSUB);
  compiled_ = error == 0;
  if (compiled_) return {};
  char message[200];
  regerror(error, &regex_, message, sizeof message);
  return message;
}

bool Regex::found_in(std::string_view text) const {
  regmatch_t range{};
  range.rm_eo = static_cast<regoff_t>(text.size());
  return regexec(&regex_, text.data() == nullptr ? "" : text.data(), 1, &range, REG_STARTEND) == 0;
}

std::optional<Peer> Peer::parse(std::string_view text) {
  Peer peer;
  if (!split_port(text, peer.port)) return std::nullopt;
  if (text.empty()) return peer.port ? std::optional(peer) : std::nullopt;
  std::optional<int> bits;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    bits = parse_small(text.substr(slash + 1), 128);
    if (!bits) return std::nullopt;
    text = text.substr(0, slash);
  }
  std::uint8_t raw[16];
  const std::string address(text);
  if (inet_pton(AF_INET, address.c_str(), raw) == 1) {
    if (bits && *bits > 32) return std::nullopt;
    peer.address = IpAddress::v4(raw);
    peer.prefix_bits = 96 + bits.value_or(32);
    return peer;
  }
  if (inet_pton(AF_INET6, address.c_str(), raw) != 1) return std::nullopt;
  peer.address = IpAddress::v6(raw);
  peer.prefix_bits = bits.value_or(128);
  return peer;
}

bool Peer::holds(const Endpoint& endpoint) const {
  if (port && endpoint.port != *port) return false;
  for (int bit = 0; bit < prefix_bits; bit += 8) {
    const auto index = static_cast<std::size_t>(bit / 8);
    const int left = prefix_bits - bit;
    const int mask = left >= 8 ? 0xff : (0xff00 >> left) & 0xff;
    if (((endpoint.address.bytes[index] ^ address.bytes[index]) & mask) != 0) return false;
  }
  return true;
}

bool Where::Expression::matches(const RoundTrip& trip) const {
  const auto holds = [&](const auto& part) { return part->matches(trip); };
  switch (kind) {
    case Kind::kAnd:
      return std::all_of(parts.begin(), parts.end(), holds);
    case Kind::kOr:
      return std::any_of(parts.begin(), parts.end(), holds);
    case Kind::kNot:
      return !parts.front()->matches(trip);
    case Kind::kTest:
      return test(trip);
  }
  return false;
}

bool Where::Expression::test(const RoundTrip& trip) const {
  using Side = std::optional<RoundTrip::Side>;
  const auto size = [&](const Side& side) {
    return side && side->size_bytes && test_integer(limited(*side->size_bytes));
  };
  const auto wire = [&](const Side& side) {
    return side && test_integer(limited(side->wire_bytes));
  };
  switch (property) {
    case Property::kProtocol:
      return test_text(trip.vocabulary->name);
    case Property::kTransport:
      return test_text(transport_name(trip.transport));
    case Property::kStatus:
      return test_text(status_name(trip.status));
    case Property::kQuality:
      return test_text(quality_name(trip.quality));
    case Property::kDuration:
      return test_integer(trip.duration_ns);
    case Property::kClient:
      return test_peer(trip.client);
    case Property::kServer:
      return test_peer(trip.server);
    case Property::kClientPort:
      return test_integer(trip.client.port);
    case Property::kServerPort:
      return test_integer(trip.server.port);
    case Property::kRequestSize:
      return size(trip.request);
    case Property::kResponseSize:
      return size(trip.response);
    case Property::kRequestWire:
      return wire(trip.request);
    case Property::kResponseWire:
      return wire(trip.response);
    case Property::kAttribute:
      return test_attribute(trip);
  }
  return false;
}

// Of a list one element is enough; for the negative comparisons every element must hold.
bool Where::Expression::test_attribute(const RoundTrip& trip) const {
  for (const FieldList* fields : {trip.request_fields, trip.response_fields}) {
    bool present = false, any = false, all = true;
    for (std::size_t i = 0; i < fields->size(); ++i) {
      const FieldValue value = (*fields)[i];
      if (value.field->name != name) continue;
      present = true;
      const bool holds = test_value(value);
      any = any || holds;
      all = all && holds;
    }
    if (present) return is_negative(comparison) ? all : any;
  }
  return false;
}

bool Where::Expression::test_value(const FieldValue& value) const {
  switch (value.field->type) {
    case FieldType::kInt:
      return test_integer(value.number);
    case FieldType::kBool:
      if (comparison == Comparison::kPresent) return value.number != 0;
      return test_text(value.number != 0 ? "true" : "false");
    case FieldType::kText:
    case FieldType::kTextList:
      break;
  }
  return test_text(value.text);
}

bool Where::Expression::test_text(std::string_view value) const {
  if (comparison == Comparison::kPresent) return true;
  if (regex) return regex->found_in(value) != is_negative(comparison);
  if (comparison == Comparison::kEqual) return value == text;
  if (comparison == Comparison::kNotEqual) return value != text;
  // Order is that of numbers; text has none.
  double parsed = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (!number || error != std::errc() || end != value.data() + value.size()) return false;
  return compare(comparison, parsed, *number);
}

bool Where::Expression::test_integer(std::int64_t value) const {
  if (comparison == Comparison::kPresent) return true;
  if (integer) return compare(comparison, value, *integer);
  if (number) return compare(comparison, static_cast<double>(value), *number);
  char digits[24];
  const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return test_text({digits, static_cast<std::size_t>(end - digits)});
}

bool Where::Expression::test_peer(const Endpoint& endpoint) const {
  return peer->holds(endpoint) != is_negative(comparison);
}

Where::Where(std::unique_ptr<const Expression> root) : root_(std::move(root)) {}
Where::Where(Where&&) noexcept = default;
Where& Where::operator=(Where&&) noexcept = default;
Where::~Where() = default;

bool Where::matches(const RoundTrip& trip) const noexcept { return root_->matches(trip); }

WhereFilter::WhereFilter(std::optional<Where> where, RecordSink& next, Ledger& ledger)
    : where_(std::move(where)), next_(next), ledger_(ledger) {}

void WhereFilter::on(const RoundTrip& trip) noexcept {
  const std::uint64_t messages =
      (trip.request.has_value() ? 1u : 0u) + (trip.response.has_value() ? 1u : 0u);
  if (where_ && !where_->matches(trip)) {
    ledger_.add(Count::kMatchFilteredWhere, messages);
    return;
  }
  ledger_.add(Count::kMatchDelivered, messages);
  next_.on(trip);
}

}  // namespace weir
