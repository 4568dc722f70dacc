#include "protocol/mongodb_bson.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

namespace weir {
namespace {

constexpr int kMostDepth = 24;
constexpr std::size_t kMostName = 1024;
constexpr std::uint64_t kMostArray = 4096;  // elements that are compared

enum class Shape : std::uint8_t { kFixed, kText, kBinary, kNested, kPointer, kRegex, kNone };

struct Layout {
  Shape shape;
  std::uint8_t size;  // of kFixed
};

Layout layout_of(std::uint8_t type) {
  switch (static_cast<BsonType>(type)) {
    case BsonType::kDouble:
    case BsonType::kDate:
    case BsonType::kTimestamp:
    case BsonType::kInt64:
      return {Shape::kFixed, 8};
    case BsonType::kInt32:
      return {Shape::kFixed, 4};
    case BsonType::kBool:
      return {Shape::kFixed, 1};
    case BsonType::kObjectId:
      return {Shape::kFixed, 12};
    case BsonType::kDecimal:
      return {Shape::kFixed, 16};
    case BsonType::kUndefined:
    case BsonType::kNull:
    case BsonType::kMax:
    case BsonType::kMin:
      return {Shape::kFixed, 0};
    case BsonType::kString:
    case BsonType::kCode:
    case BsonType::kSymbol:
      return {Shape::kText, 0};
    case BsonType::kDocument:
    case BsonType::kArray:
    case BsonType::kScopedCode:
      return {Shape::kNested, 0};
    case BsonType::kBinary:
      return {Shape::kBinary, 0};
    case BsonType::kPointer:
      return {Shape::kPointer, 0};
    case BsonType::kRegex:
      return {Shape::kRegex, 0};
  }
  return {Shape::kNone, 0};
}

constexpr std::size_t kMostRegex = 8192;

// Two texts, each up to its zero. kMore: an end is missing.
BsonRead regex_size(Bytes value, std::uint64_t& size) {
  const std::string_view text = as_text(value).substr(0, kMostRegex);
  const std::size_t first = text.find('\0');
  const std::size_t second =
      first == std::string_view::npos ? std::string_view::npos : text.find('\0', first + 1);
  if (second == std::string_view::npos) {
    return text.size() == kMostRegex ? BsonRead::kBad : BsonRead::kMore;
  }
  size = second + 1;
  return BsonRead::kElement;
}

BsonRead value_size(std::uint8_t type, Bytes value, std::uint64_t& size) {
  const Layout layout = layout_of(type);
  size = layout.size;
  if (layout.shape == Shape::kFixed) return BsonRead::kElement;
  if (layout.shape == Shape::kNone) return BsonRead::kBad;
  if (layout.shape == Shape::kRegex) return regex_size(value, size);
  if (value.size() < 4) return BsonRead::kMore;
  const std::uint32_t length = load_le32(value.data());
  if (length > 0x7fffffff) return BsonRead::kBad;
  switch (layout.shape) {
    case Shape::kText:
      size = std::uint64_t{4} + length;
      return length >= 1 ? BsonRead::kElement : BsonRead::kBad;
    case Shape::kBinary:
      size = std::uint64_t{5} + length;
      return BsonRead::kElement;
    case Shape::kPointer:
      size = std::uint64_t{4} + length + 12;
      return length >= 1 ? BsonRead::kElement : BsonRead::kBad;
    default:
      size = length;
      return length >= kBsonLeast ? BsonRead::kElement : BsonRead::kBad;
  }
}

void put_hex_digits(std::uint8_t byte, TextBuffer& out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out.put(kDigits[byte >> 4]);
  out.put(kDigits[byte & 15]);
}

void put_quoted(std::string_view text, TextBuffer& out) {
  out.put('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.put('\\');
    if (static_cast<std::uint8_t>(c) < ' ') {
      out.put("\\u00");
      put_hex_digits(static_cast<std::uint8_t>(c), out);
    } else {
      out.put(c);
    }
  }
  out.put('"');
}

template <class Number>
void put_signed(Number number, TextBuffer& out) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.put(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void put_scalar(const BsonElement& element, TextBuffer& out) {
  if (!element.whole()) {
    out.put('?');
    return;
  }
  switch (element.type) {
    case BsonType::kString:
    case BsonType::kSymbol:
    case BsonType::kCode:
      put_quoted(as_text(element.value.subspan(4, element.value.size() - 5)), out);
      return;
    case BsonType::kDouble:
      put_signed(std::bit_cast<double>(load_le64(element.value.data())), out);
      return;
    case BsonType::kDate:
    case BsonType::kInt32:
    case BsonType::kInt64:
    case BsonType::kTimestamp:
      put_signed(*element.number(), out);
      return;
    case BsonType::kBool:
      out.put(element.value[0] != 0 ? "true" : "false");
      return;
    case BsonType::kNull:
    case BsonType::kUndefined:
      out.put("null");
      return;
    case BsonType::kObjectId:
      out.put('"');
      for (const std::uint8_t byte : element.value) put_hex_digits(byte, out);
      out.put('"');
      return;
    default:
      out.put('?');
      return;
  }
}

void put_document(const BsonElement& document, BsonValues values, TextBuffer& out, int depth) {
  out.put('{');
  BsonElements elements(document.value);
  BsonElement element;
  for (bool first = true; !out.full() && elements.next(element); first = false) {
    if (!first) out.put(", ");
    put_bson_name(element.name, out);
    put_bson_value(element, values, out, depth + 1);
  }
  out.put('}');
}

// Values one after the other; `next` gives them. One that looks like the one before it is left out.
template <class Next>
void put_list(Next next, BsonValues values, TextBuffer& out, int depth) {
  out.put('[');
  BsonElement element;
  std::size_t before = out.size(), size = 0;  // of the one before, as it is shown
  bool first = true;
  for (std::uint64_t i = 0; i < kMostArray && !out.full() && next(element); ++i) {
    const std::size_t mark = out.size();
    if (!first) out.put(", ");
    const std::size_t begin = out.size();
    put_bson_value(element, values, out, depth + 1);
    const std::string_view told = out.since(begin);
    if (!first && values == BsonValues::kHidden && told == out.since(before).substr(0, size)) {
      out.cut(mark);
      continue;
    }
    before = begin;
    size = told.size();
    first = false;
  }
  out.put(']');
}

void put_array(const BsonElement& array, BsonValues values, TextBuffer& out, int depth) {
  BsonElements elements(array.value);
  put_list([&](BsonElement& element) { return elements.next(element); }, values, out, depth);
}

}  // namespace

std::string_view BsonElement::text() const {
  const bool is_text = type == BsonType::kString || type == BsonType::kSymbol;
  if (!is_text || !whole()) return {};
  return as_text(value.subspan(4, value.size() - 5));
}

std::optional<std::int64_t> BsonElement::number() const {
  if (!whole()) return std::nullopt;
  switch (type) {
    case BsonType::kDouble: {
      const double number = std::bit_cast<double>(load_le64(value.data()));
      // What an integer cannot hold is told as the nearest end.
      if (!(std::fabs(number) < 9e18)) return number > 0 ? INT64_MAX : INT64_MIN;
      return static_cast<std::int64_t>(number);
    }
    case BsonType::kInt32:
      return static_cast<std::int32_t>(load_le32(value.data()));
    case BsonType::kDate:
    case BsonType::kTimestamp:
    case BsonType::kInt64:
      return static_cast<std::int64_t>(load_le64(value.data()));
    case BsonType::kBool:
      return value[0];
    default:
      return std::nullopt;
  }
}

BsonRead read_bson_element(Bytes there, std::uint64_t left, BsonElement& element) {
  if (there.empty()) return BsonRead::kMore;
  if (layout_of(there[0]).shape == Shape::kNone) return BsonRead::kBad;
  const std::string_view rest = as_text(there.subspan(1));
  const std::size_t end = rest.substr(0, kMostName + 1).find('\0');
  if (end == std::string_view::npos) {
    return rest.size() > kMostName ? BsonRead::kBad : BsonRead::kMore;
  }
  const Bytes value = there.subspan(end + 2);
  const BsonRead read = value_size(there[0], value, element.size);
  if (read != BsonRead::kElement) return read;
  element.element = end + 2 + element.size;
  if (element.element + 1 > left) return BsonRead::kBad;
  element.type = static_cast<BsonType>(there[0]);
  element.name = rest.substr(0, end);
  element.value =
      value.first(static_cast<std::size_t>(std::min<std::uint64_t>(value.size(), element.size)));
  return BsonRead::kElement;
}

BsonElements::BsonElements(Bytes document) {
  if (document.size() < kBsonLeast) return;
  const std::uint32_t length = load_le32(document.data());
  if (length < kBsonLeast) return;
  left_ = length - 4;
  there_ = document.subspan(4);
}

bool BsonElements::next(BsonElement& element) {
  if (there_.empty() || left_ == 0) return false;
  if (there_[0] == 0) {
    if (left_ == 1) left_ = 0;
    there_ = {};
    return false;
  }
  if (read_bson_element(there_, left_, element) != BsonRead::kElement) {
    there_ = {};
    return false;
  }
  left_ -= element.element;
  there_ = there_.subspan(
      static_cast<std::size_t>(std::min<std::uint64_t>(there_.size(), element.element)));
  return true;
}

std::optional<std::int64_t> count_bson(Bytes array) {
  BsonElements elements(array);
  BsonElement element;
  std::int64_t count = 0;
  while (elements.next(element)) ++count;
  return elements.at_end() ? std::optional(count) : std::nullopt;
}

bool BsonDocuments::next(BsonElement& document) {
  if (there_.empty()) return false;
  const std::uint32_t length = there_.size() < 4 ? 0 : load_le32(there_.data());
  if (length < kBsonLeast) {
    there_ = {};
    broken_ = true;
    return false;
  }
  document.type = BsonType::kDocument;
  document.name = {};
  document.size = document.element = length;
  document.value = there_.first(std::min<std::size_t>(there_.size(), length));
  broken_ = length > there_.size();
  there_ = there_.subspan(document.value.size());
  return true;
}

std::optional<std::int64_t> count_bson_documents(Bytes documents) {
  BsonDocuments all(documents);
  BsonElement document;
  std::int64_t count = 0;
  while (all.next(document)) ++count;
  return all.at_end() ? std::optional(count) : std::nullopt;
}

void put_bson_documents(Bytes documents, BsonValues values, TextBuffer& out) {
  BsonDocuments all(documents);
  put_list([&](BsonElement& document) { return all.next(document); }, values, out, 0);
}

void put_bson_name(std::string_view name, TextBuffer& out) {
  put_quoted(name, out);
  out.put(": ");
}

void put_bson_value(const BsonElement& element, BsonValues values, TextBuffer& out, int depth) {
  if (element.holds_elements() && depth < kMostDepth) {
    if (element.type == BsonType::kDocument) {
      put_document(element, values, out, depth);
    } else {
      put_array(element, values, out, depth);
    }
  } else if (values == BsonValues::kShown) {
    put_scalar(element, out);
  } else {
    out.put('?');
  }
}

}  // namespace weir
