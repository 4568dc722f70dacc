// Bytes: a view of untrusted wire data, and a cursor over it that cannot over-read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir {

using Bytes = std::span<const std::uint8_t>;

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Unchecked big-endian loads; the caller has checked the length.
inline std::uint16_t load_be16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>((p[0] << 8) | p[1]);
}
inline std::uint32_t load_be32(const std::uint8_t* p) {
  return (std::uint32_t{p[0]} << 24) | (std::uint32_t{p[1]} << 16) | (std::uint32_t{p[2]} << 8) |
         std::uint32_t{p[3]};
}

// Reads from the front of a view. A read past the end returns 0 or an empty view and makes ok()
// false for good; so a parser may read a whole header and check once.
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return bytes_.size() - offset_; }
  Bytes rest() const { return bytes_.subspan(offset_); }

  std::uint8_t u8() { return need(1) ? bytes_[offset_++] : std::uint8_t{0}; }
  std::uint16_t be16() {
    if (!need(2)) return 0;
    offset_ += 2;
    return load_be16(bytes_.data() + offset_ - 2);
  }
  std::uint32_t be32() {
    if (!need(4)) return 0;
    offset_ += 4;
    return load_be32(bytes_.data() + offset_ - 4);
  }
  Bytes take(std::size_t count) {
    if (!need(count)) return {};
    offset_ += count;
    return bytes_.subspan(offset_ - count, count);
  }
  void skip(std::size_t count) { take(count); }

 private:
  bool need(std::size_t count) {
    if (ok_ && count <= remaining()) return true;
    ok_ = false;
    return false;
  }

  Bytes bytes_;
  std::size_t offset_ = 0;
  bool ok_ = true;
};

}  // namespace weir
