// UTF-8 (RFC 3629): telling text that others may read from bytes that only look like it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

// Bytes of the well-formed sequence that `text` begins with, 1 to 4; 0 when there is none (cut off,
// overlong, a surrogate, beyond U+10FFFF, or empty).
std::size_t utf8_length(std::string_view text);

// The code point of a well-formed sequence of that length.
char32_t utf8_code_point(std::string_view text, std::size_t length);

// Appends `text`; each byte that is not part of a well-formed sequence becomes U+FFFD.
void append_utf8(std::string& out, std::string_view text);

}  // namespace weir
