// BSON, of which the end may be missing: https://bsonspec.org/spec.html
//
//   document:  length(4, little-endian, counts itself and the zero) element... 0
//   element:   type(1) name 0 value
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "protocol/text_buffer.h"

namespace weir {

inline std::uint32_t load_le32(const std::uint8_t* p) {
  return std::uint32_t{p[0]} | (std::uint32_t{p[1]} << 8) | (std::uint32_t{p[2]} << 16) |
         (std::uint32_t{p[3]} << 24);
}
inline std::uint64_t load_le64(const std::uint8_t* p) {
  return load_le32(p) | (std::uint64_t{load_le32(p + 4)} << 32);
}

enum class BsonType : std::uint8_t {
  kDouble = 1,
  kString = 2,
  kDocument = 3,
  kArray = 4,
  kBinary = 5,
  kUndefined = 6,
  kObjectId = 7,
  kBool = 8,
  kDate = 9,
  kNull = 10,
  kRegex = 11,
  kPointer = 12,
  kCode = 13,
  kSymbol = 14,
  kScopedCode = 15,
  kInt32 = 16,
  kTimestamp = 17,
  kInt64 = 18,
  kDecimal = 19,
  kMax = 127,
  kMin = 255,
};

inline constexpr std::size_t kBsonLeast = 5;  // an empty document

struct BsonElement {
  BsonType type{};
  std::string_view name;
  Bytes value;                // what is there of it
  std::uint64_t size = 0;     // of the value
  std::uint64_t element = 0;  // of all

  bool whole() const { return value.size() == size; }
  bool holds_elements() const { return type == BsonType::kDocument || type == BsonType::kArray; }
  // Empty where it is no string, or not whole.
  std::string_view text() const;
  // Of a number or a truth value.
  std::optional<std::int64_t> number() const;
};

enum class BsonRead : std::uint8_t { kElement, kMore, kBad };

// The element that begins here, of a document with `left` bytes to come, its last zero included.
// kMore: not even its value's size is there.
BsonRead read_bson_element(Bytes there, std::uint64_t left, BsonElement& element);

// The elements of a document or array one after the other, as far as they go.
class BsonElements {
 public:
  // `document` begins with its length.
  explicit BsonElements(Bytes document);
  // False at its end, where it is cut off, and where it makes no sense.
  bool next(BsonElement& element);
  // All of it was read.
  bool at_end() const { return left_ == 0; }

 private:
  Bytes there_;
  std::uint64_t left_ = 0;
};

// Documents that follow each other, as far as they go.
class BsonDocuments {
 public:
  explicit BsonDocuments(Bytes documents) : there_(documents) {}
  // The last one may be cut.
  bool next(BsonElement& document);
  bool at_end() const { return there_.empty() && !broken_; }

 private:
  Bytes there_;
  bool broken_ = false;
};

// How many elements an array has; nothing where not all of it is there.
std::optional<std::int64_t> count_bson(Bytes array);
std::optional<std::int64_t> count_bson_documents(Bytes documents);

// What is to be shown of values.
enum class BsonValues : std::uint8_t { kHidden, kShown };

// `name: value` as JSON has it, hidden values as `?`. Elements of an array that look like the one
// before them are left out. Bounded by the room and in depth.
void put_bson_name(std::string_view name, TextBuffer& out);
void put_bson_value(const BsonElement& element, BsonValues values, TextBuffer& out, int depth = 0);
void put_bson_documents(Bytes documents, BsonValues values, TextBuffer& out);

}  // namespace weir
