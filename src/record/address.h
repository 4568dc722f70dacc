// IpAddress: IPv4 or IPv6, 16 bytes in network order; IPv4 is kept v4-mapped (::ffff:a.b.c.d), so
// that one comparison serves both and a v4-mapped peer is the same host.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>

namespace weir {

struct alignas(std::uint64_t) IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  static IpAddress v4(const std::uint8_t* four) {
    // Written as it will be read, in whole words: anything narrower waits to be read again.
    std::uint32_t last;
    std::memcpy(&last, four, sizeof last);
    const std::uint64_t words[2] = {
        0, kLittle ? std::uint64_t{last} << 32 | kMapped : std::uint64_t{kMapped} << 32 | last};
    return std::bit_cast<IpAddress>(words);
  }
  static IpAddress v6(const std::uint8_t* sixteen) {
    IpAddress a;
    std::memcpy(a.bytes.data(), sixteen, 16);
    return a;
  }
  bool is_v4() const {
    std::uint32_t third;
    std::memcpy(&third, bytes.data() + 8, sizeof third);
    return word(0) == 0 && third == kMapped;
  }

  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return ((a.word(0) ^ b.word(0)) | (a.word(1) ^ b.word(1))) == 0;
  }
  // As the bytes stand.
  friend std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    if (a.word(0) != b.word(0)) return in_order(a.word(0)) <=> in_order(b.word(0));
    return in_order(a.word(1)) <=> in_order(b.word(1));
  }

 private:
  static constexpr bool kLittle = std::endian::native == std::endian::little;
  static constexpr std::uint32_t kMapped = kLittle ? 0xffff0000U : 0x0000ffffU;

  static std::uint64_t in_order(std::uint64_t word) {
    return kLittle ? __builtin_bswap64(word) : word;
  }
  std::uint64_t word(std::size_t index) const {
    std::uint64_t value;
    std::memcpy(&value, bytes.data() + 8 * index, sizeof value);
    return value;
  }
};

// Writes four bytes as a dotted quad, at most kMaxIpv4Text characters; where it ends. inet_ntop
// would format them with sprintf, at nine times the cost.
inline constexpr std::size_t kMaxIpv4Text = 15;
char* put_ipv4(char* out, const std::uint8_t* four);

// Dotted quad, or RFC 5952 for IPv6.
void append_address(std::string& out, const IpAddress& address);

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
};

enum class Transport : std::uint8_t { kTcp, kUdp };

}  // namespace weir
