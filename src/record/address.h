// IpAddress: IPv4 or IPv6, 16 bytes in network order; IPv4 is kept v4-mapped (::ffff:a.b.c.d), so
// that one comparison serves both and a v4-mapped peer is the same host.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>

namespace weir {

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  static IpAddress v4(const std::uint8_t* four) {
    IpAddress a;
    a.bytes[10] = a.bytes[11] = 0xff;
    std::memcpy(a.bytes.data() + 12, four, 4);
    return a;
  }
  static IpAddress v6(const std::uint8_t* sixteen) {
    IpAddress a;
    std::memcpy(a.bytes.data(), sixteen, 16);
    return a;
  }
  bool is_v4() const {
    static constexpr std::uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(bytes.data(), kPrefix, 12) == 0;
  }
  auto operator<=>(const IpAddress&) const = default;
};

// Dotted quad, or RFC 5952 for IPv6.
void append_address(std::string& out, const IpAddress& address);

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
};

enum class Transport : std::uint8_t { kTcp, kUdp };

}  // namespace weir
