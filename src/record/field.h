// Field: one declared attribute of a protocol's messages. JSON, --where, text, metric labels and
// documentation all come from these declarations.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class FieldType : std::uint8_t { kText, kInt, kBool, kTextList };

struct Field {
  std::string_view name;  // OpenTelemetry semantic convention, or weir.*
  FieldType type;
};

// A value as a decoder hands it over: a view into wire data or decoder scratch, valid during the
// call. Of a kTextList field every element is a value of its own, consecutive.
struct FieldValue {
  const Field* field = nullptr;
  std::string_view text;
  std::int64_t number = 0;

  static FieldValue of(const Field& f, std::string_view t) { return {&f, t, 0}; }
  static FieldValue of(const Field& f, std::int64_t n) { return {&f, {}, n}; }
};

// Kept copies of field values: one allocation for all text, reused after clear().
class FieldList {
 public:
  static constexpr std::size_t kMaxTextBytes = 16384;  // of one value; longer ones are cut

  void add(const FieldValue& value);
  void clear();
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  // Views stay valid until the next add() or clear().
  FieldValue operator[](std::size_t index) const;
  // The first value of this field; false when there is none.
  bool find(const Field& field, FieldValue& out) const;
  // Bytes of heap held, for owners that give memory back.
  std::size_t capacity_bytes() const;

 private:
  struct Entry {
    const Field* field;
    union {
      std::int64_t number;
      struct {
        std::uint32_t offset, size;
      } text;
    };
  };
  std::vector<Entry> entries_;
  std::string text_;
};

// Which histogram a protocol's round trips feed.
enum class MetricFamily : std::uint8_t { kHttp, kRpc, kDb, kMessaging, kDns, kTls };

// What the layers above the decoders need to know of a protocol's records, and all they know.
struct Vocabulary {
  std::string_view name;  // the record's "protocol"
  MetricFamily family;
  std::string_view system;                 // label value for db and messaging, else empty
  std::span<const Field* const> asked;     // shown as what was asked, joined by a space
  std::span<const Field* const> answered;  // shown as the answer: the first that is present
  std::span<const Field* const> labels;    // metric labels, low cardinality only
};

}  // namespace weir
