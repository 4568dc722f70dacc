#include "output/printable.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <iterator>

#include "record/utf8.h"

namespace weir {
namespace {

struct Range {
  char32_t first, last;
};

template <std::size_t kSize>
bool within(const Range (&ranges)[kSize], char32_t code) {
  for (const Range& range : ranges) {
    if (code >= range.first && code <= range.last) return true;
  }
  return false;
}

// Controls (C0, DEL, C1), and what changes the direction of a line or cannot be seen.
bool is_harmful(char32_t code) {
  static constexpr Range kRanges[] = {
      {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200f},
      {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0xe0fff}};
  return within(kRanges, code);
}

std::size_t columns_of(char32_t code) {
  static constexpr Range kCombining[] = {
      {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
      {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
  static constexpr Range kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                                    {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
                                    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
                                    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
                                    {0x20000, 0x3fffd}};
  if (code < 0x300) return 1;
  if (within(kCombining, code)) return 0;
  return within(kWide, code) ? 2 : 1;
}

// One unit to show: a character, or the escape that stands for it.
struct Glyph {
  std::size_t bytes;    // taken from the text
  std::size_t columns;  // used on the terminal
  bool escaped;
};

Glyph front(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte >= 0x20 && byte < 0x7f) return {1, 1, false};
  const std::size_t length = utf8_length(text);
  if (length == 0) return {1, 4, true};
  const char32_t code = utf8_code_point(text, length);
  if (is_harmful(code)) return {length, 4 * length, true};
  return {length, columns_of(code), false};
}

void append_glyph(std::string& out, std::string_view text, bool escaped) {
  if (!escaped) {
    out += text;
    return;
  }
  for (const char c : text) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  }
}

void append_field(std::string& out, const FieldValue& value, std::size_t max_columns,
                  std::size_t& used) {
  std::array<char, 24> number;
  std::string_view text = value.text;
  if (value.field->type == FieldType::kInt) {
    char* end = std::to_chars(number.data(), number.data() + number.size(), value.number).ptr;
    text = {number.data(), static_cast<std::size_t>(end - number.data())};
  } else if (value.field->type == FieldType::kBool) {
    text = value.number != 0 ? "true" : "false";
  }
  used += append_printable(out, text, max_columns - used);
}

// The server promised more than it sent.
bool is_incomplete(const FieldList& fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const FieldValue value = fields[i];
    if (value.field->name == "error.type") return value.text == "response_incomplete";
  }
  return false;
}

}  // namespace

std::size_t append_printable(std::string& out, std::string_view text, std::size_t max_columns) {
  std::size_t used = 0;
  // Where an ellipsis would go, should the text turn out to be too long.
  std::size_t cut = out.size();
  std::size_t cut_columns = 0;
  while (!text.empty()) {
    const Glyph glyph = front(text);
    if (used + glyph.columns > max_columns) {
      if (max_columns == 0) return 0;
      out.resize(cut);
      out += "…";
      return cut_columns + 1;
    }
    append_glyph(out, text.substr(0, glyph.bytes), glyph.escaped);
    text.remove_prefix(glyph.bytes);
    used += glyph.columns;
    if (used + 1 <= max_columns) {
      cut = out.size();
      cut_columns = used;
    }
  }
  return used;
}

std::size_t append_asked(std::string& out, const RoundTrip& trip, std::size_t max_columns) {
  std::size_t used = 0;
  for (const Field* field : trip.vocabulary->asked) {
    FieldValue value;
    if (!find_field(trip, *field, value)) continue;
    if (used > 0) {
      if (used + 2 > max_columns) break;
      out += ' ';
      ++used;
    }
    append_field(out, value, max_columns, used);
  }
  return used;
}

std::size_t append_answer(std::string& out, const RoundTrip& trip, std::size_t max_columns) {
  std::size_t used = 0;
  if (trip.status == Status::kOk || trip.status == Status::kError) {
    for (const Field* field : trip.vocabulary->answered) {
      FieldValue value;
      if (!trip.response_fields->find(*field, value)) continue;
      append_field(out, value, max_columns, used);
      if (used == 0) continue;
      constexpr std::string_view kCutOff = " cut off";
      if (used + kCutOff.size() <= max_columns && is_incomplete(*trip.response_fields)) {
        out += kCutOff;
        used += kCutOff.size();
      }
      return used;
    }
  }
  return append_printable(out, status_name(trip.status), max_columns);
}

}  // namespace weir
