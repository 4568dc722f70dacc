// Frames made of their parts, for tests of what the kernel makes of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

using Octets = std::vector<std::uint8_t>;

inline Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Octets be16(unsigned value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

struct End {
  std::uint8_t host;
  unsigned port;
};
inline constexpr End kClient{1, 40000}, kServer{2, 80};
inline constexpr End kLeft{201, 51000}, kRight{202, 4789};

// As one end sends and as the other answers; a tunnel's ends each use their own source port.
inline Octets tcp(End from, End to) { return be16(from.port) + be16(to.port) + Octets(16, 0x55); }
// With 20 bytes of options, the flags given, and a payload.
inline Octets segment(End from, End to, std::uint32_t sequence, std::uint8_t flags,
                      std::size_t payload) {
  return be16(from.port) + be16(to.port) + be16(sequence >> 16) + be16(sequence & 0xffff) +
         Octets{0, 0, 0, 1, 0xa0, flags, 1, 0, 0, 0, 0, 0} + Octets(20, 1) + Octets(payload, 'x');
}
inline Octets udp(End from, End to, const Octets& payload) {
  return be16(from.port) + be16(to.port) + be16(static_cast<unsigned>(8 + payload.size())) +
         be16(0) + payload;
}
inline Octets ipv4(End from, End to, std::uint8_t protocol, const Octets& payload,
                   unsigned fragment = 0, std::size_t options = 0) {
  const auto words = static_cast<std::uint8_t>(5 + options / 4);
  return Octets{static_cast<std::uint8_t>(0x40 | words), 0} +
         be16(static_cast<unsigned>(words * 4U + payload.size())) + be16(77) + be16(fragment) +
         Octets{64, protocol, 0, 0, 10, 0, 0, from.host, 10, 0, 0, to.host} + Octets(options, 1) +
         payload;
}
inline Octets ipv6(End from, End to, std::uint8_t next, const Octets& payload) {
  Octets source(15, 0xfd), target(15, 0xfd);
  source.push_back(from.host);
  target.push_back(to.host);
  return Octets{0x60, 0, 0, 0} + be16(static_cast<unsigned>(payload.size())) + Octets{next, 64} +
         source + target + payload;
}
inline Octets ethernet(unsigned type, const Octets& payload) {
  return Octets(12, 2) + be16(type) + payload;
}
inline Octets tag(unsigned id, unsigned type, const Octets& payload) {
  return be16(id) + be16(type) + payload;
}
inline Octets vxlan(const Octets& frame) { return Octets{8, 0, 0, 0, 0, 0, 7, 0} + frame; }
inline Octets geneve(unsigned type, const Octets& inner, std::size_t option_words = 2) {
  return Octets{static_cast<std::uint8_t>(option_words), 0} + be16(type) + Octets{0, 0, 7, 0} +
         Octets(option_words * 4, 9) + inner;
}
inline Octets gre(unsigned flags, unsigned type, const Octets& inner) {
  std::size_t extra = 0;
  for (const unsigned flag : {0x8000U, 0x2000U, 0x1000U}) extra += (flags & flag) != 0 ? 4 : 0;
  return be16(flags) + be16(type) + Octets(extra, 3) + inner;
}
inline Octets connection4(End from, End to) { return ipv4(from, to, 6, tcp(from, to)); }
inline Octets connection6(End from, End to) { return ipv6(from, to, 6, tcp(from, to)); }

}  // namespace weir
