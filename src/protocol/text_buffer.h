// TextBuffer: text put together in room of fixed size, usually on a decoder's stack. What does not
// fit is cut off.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace weir {

class TextBuffer {
 public:
  explicit TextBuffer(std::span<char> room) : room_(room) {}

  std::size_t size() const { return size_; }
  bool full() const { return size_ == room_.size(); }
  // Stays valid as long as the room, whatever is put behind it.
  std::string_view since(std::size_t mark) const { return {room_.data() + mark, size_ - mark}; }
  void cut(std::size_t mark) { size_ = mark; }

  void put(char c) {
    if (size_ < room_.size()) room_[size_++] = c;
  }
  void put(std::string_view text) {
    const std::size_t count = std::min(text.size(), room_.size() - size_);
    if (count != 0) std::memcpy(room_.data() + size_, text.data(), count);
    size_ += count;
  }
  void put_number(std::uint64_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    put(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  void put_hex(Bytes bytes) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    for (const std::uint8_t byte : bytes) {
      put(kDigits[byte >> 4]);
      put(kDigits[byte & 15]);
    }
  }
  void put_base64(Bytes bytes) {
    static constexpr char kDigits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (; !bytes.empty(); bytes = bytes.subspan(std::min<std::size_t>(3, bytes.size()))) {
      const std::uint32_t b1 = bytes.size() > 1 ? bytes[1] : 0u,
                          b2 = bytes.size() > 2 ? bytes[2] : 0u;
      const std::uint32_t group = (std::uint32_t{bytes[0]} << 16) | (b1 << 8) | b2;
      put(kDigits[group >> 18]);
      put(kDigits[(group >> 12) & 63]);
      put(bytes.size() > 1 ? kDigits[(group >> 6) & 63] : '=');
      put(bytes.size() > 2 ? kDigits[group & 63] : '=');
    }
  }

 private:
  std::span<char> room_;
  std::size_t size_ = 0;
};

}  // namespace weir
