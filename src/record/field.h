// Field: one declared attribute of a protocol's messages. JSON, --where, text, metric labels and
// documentation all come from these declarations.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
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

// Kept copies of field values. The room for them is kept when they go.
class FieldList {
 public:
  static constexpr std::size_t kMaxTextBytes = 16384;  // of one value; longer ones are cut

  FieldList() = default;
  FieldList(FieldList&& from) noexcept { swap(from); }
  FieldList& operator=(FieldList&& from) noexcept {
    FieldList taken(std::move(from));
    swap(taken);
    return *this;
  }

  void swap(FieldList& other) noexcept {
    entries_.swap(other.entries_);
    text_.swap(other.text_);
    std::swap(count_, other.count_);
    std::swap(text_size_, other.text_size_);
  }
  void add(const FieldValue& value) {
    if (count_ == entries_.size()) entries_.resize(std::max<std::size_t>(8, 2 * count_));
    Entry& entry = entries_[count_++];
    entry.field = value.field;
    if (!holds_text(*value.field)) {
      entry.number = value.number;
      return;
    }
    const std::size_t size = std::min(value.text.size(), kMaxTextBytes);
    if (text_.size() - text_size_ < size) text_.resize(2 * (text_size_ + size) + kMinText);
    entry.text = {static_cast<std::uint32_t>(text_size_), static_cast<std::uint32_t>(size)};
    copy(value.text.data(), size, text_.data() + text_size_);
    text_size_ += size;
  }
  void clear() { count_ = text_size_ = 0; }
  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  // Views stay valid until the next add() or clear().
  FieldValue operator[](std::size_t index) const {
    const Entry& entry = entries_[index];
    if (!holds_text(*entry.field)) return FieldValue::of(*entry.field, entry.number);
    return FieldValue::of(*entry.field, {text_.data() + entry.text.offset, entry.text.size});
  }
  // The first value of this field; false when there is none.
  bool find(const Field& field, FieldValue& out) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (entries_[i].field != &field) continue;
      out = (*this)[i];
      return true;
    }
    return false;
  }
  // Bytes of heap held, for owners that give memory back.
  std::size_t capacity_bytes() const { return entries_.size() * sizeof(Entry) + text_.size(); }

 private:
  static constexpr std::size_t kMinText = 64;

  struct Entry {
    const Field* field;
    union {
      std::int64_t number;
      struct {
        std::uint32_t offset, size;
      } text;
    };
  };
  // Most values are a word.
  static void copy(const char* from, std::size_t size, char* to) {
    if (size > 16) {
      std::memcpy(to, from, size);
    } else if (size >= 8) {
      std::memcpy(to, from, 8);
      std::memcpy(to + size - 8, from + size - 8, 8);
    } else if (size >= 4) {
      std::memcpy(to, from, 4);
      std::memcpy(to + size - 4, from + size - 4, 4);
    } else {
      for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
    }
  }
  static bool holds_text(const Field& field) {
    return field.type == FieldType::kText || field.type == FieldType::kTextList;
  }

  std::vector<Entry> entries_;  // the first count_ are in use
  std::vector<char> text_;
  std::size_t count_ = 0, text_size_ = 0;
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
