#include "record/utf8.h"

#include <cstdint>

namespace weir {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t index) {
  return static_cast<std::uint8_t>(text[index]);
}

bool continues(std::string_view text, std::size_t index) {
  return index < text.size() && (byte_at(text, index) & 0xc0) == 0x80;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const std::uint8_t lead = byte_at(text, 0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4 || !continues(text, 1)) return 0;
  if (lead < 0xe0) return 2;
  const std::uint8_t second = byte_at(text, 1);
  if (!continues(text, 2)) return 0;
  if (lead < 0xf0) {
    const bool overlong = lead == 0xe0 && second < 0xa0;
    const bool surrogate = lead == 0xed && second > 0x9f;
    return overlong || surrogate ? 0 : 3;
  }
  const bool overlong = lead == 0xf0 && second < 0x90;
  const bool beyond = lead == 0xf4 && second > 0x8f;
  return overlong || beyond || !continues(text, 3) ? 0 : 4;
}

char32_t utf8_code_point(std::string_view text, std::size_t length) {
  static constexpr std::uint8_t kLeadMask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t code = byte_at(text, 0) & kLeadMask[length];
  for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (byte_at(text, i) & 0x3f);
  return code;
}

void append_utf8(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
}

}  // namespace weir
