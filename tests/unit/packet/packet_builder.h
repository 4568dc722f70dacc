// Packets built from their bytes outwards: each function returns a header with its payload, e.g.
// ethernet({.payload = ipv4({.protocol = 6, .payload = tcp({.payload = text("GET /")})})}).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "packet/packet.h"

namespace weir::build {

using Wire = std::vector<std::uint8_t>;

inline Wire text(std::string_view characters) { return {characters.begin(), characters.end()}; }

inline Wire operator+(Wire left, const Wire& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

inline Wire cut(const Wire& whole, std::size_t size) {
  return {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
}

inline void put16(Wire& out, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}
inline void put32(Wire& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}
// 32-bit words in network order, for headers that are easiest to read that way.
inline Wire words(std::initializer_list<std::uint32_t> values) {
  Wire out;
  for (const auto value : values) put32(out, value);
  return out;
}

struct Tcp {
  std::uint16_t source_port = 40000, destination_port = 80;
  std::uint32_t sequence = 1000, acknowledgment = 2000;
  std::uint8_t flags = 0x10;
  std::uint16_t window = 512;
  Wire options = {};  // a multiple of four bytes
  Wire payload = {};
  std::optional<std::uint8_t> header_words = {};  // instead of the true one
};
inline Wire tcp(const Tcp& t) {
  Wire out;
  put16(out, t.source_port);
  put16(out, t.destination_port);
  put32(out, t.sequence);
  put32(out, t.acknowledgment);
  const auto header_words = static_cast<std::uint8_t>(5 + t.options.size() / 4);
  out.push_back(static_cast<std::uint8_t>(t.header_words.value_or(header_words) << 4));
  out.push_back(t.flags);
  put16(out, t.window);
  put32(out, 0);
  return out + t.options + t.payload;
}

struct Udp {
  std::uint16_t source_port = 40000, destination_port = 53;
  Wire payload = {};
  std::optional<std::uint16_t> length = {};
};
inline Wire udp(const Udp& u) {
  Wire out;
  put16(out, u.source_port);
  put16(out, u.destination_port);
  put16(out, u.length.value_or(static_cast<std::uint16_t>(8 + u.payload.size())));
  put16(out, 0);
  return out + u.payload;
}

struct Ipv4 {
  std::uint8_t protocol = 6;
  std::uint8_t source_host = 1, destination_host = 2;  // 10.0.0.x
  std::uint16_t identification = 7;
  std::uint16_t fragmentation = 0;  // flags and offset as on the wire
  std::optional<std::uint16_t> total_length = {};
  bool wrong_checksum = false;
  Wire options = {};
  Wire payload = {};
};
inline Wire ipv4(const Ipv4& ip) {
  Wire out;
  const auto header = 20 + ip.options.size();
  out.push_back(static_cast<std::uint8_t>(0x40 | header / 4));
  out.push_back(0);
  put16(out, ip.total_length.value_or(static_cast<std::uint16_t>(header + ip.payload.size())));
  put16(out, ip.identification);
  put16(out, ip.fragmentation);
  out.push_back(64);
  out.push_back(ip.protocol);
  put16(out, 0);
  put32(out, 0x0a000000U | ip.source_host);
  put32(out, 0x0a000000U | ip.destination_host);
  out = std::move(out) + ip.options;
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < header; at += 2) sum += load_be16(out.data() + at);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
  if (ip.wrong_checksum) sum ^= 0x0101;
  out[10] = static_cast<std::uint8_t>(sum >> 8);
  out[11] = static_cast<std::uint8_t>(sum);
  return out + ip.payload;
}

struct Ipv6 {
  std::uint8_t next = 6;
  std::uint8_t source_host = 1, destination_host = 2;  // fd00::x
  std::optional<std::uint16_t> payload_length = {};
  Wire payload = {};
};
inline Wire ipv6(const Ipv6& ip) {
  Wire out = words({0x60000000});
  put16(out, ip.payload_length.value_or(static_cast<std::uint16_t>(ip.payload.size())));
  out.push_back(ip.next);
  out.push_back(64);
  for (const auto host : {ip.source_host, ip.destination_host}) {
    out = std::move(out) + words({0xfd000000, 0, 0, host});
  }
  return out + ip.payload;
}

struct Ethernet {
  std::uint16_t type = 0x0800;
  Wire payload = {};
};
inline Wire ethernet(const Ethernet& e) {
  Wire out = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
  put16(out, e.type);
  return out + e.payload;
}

struct Tag {
  std::uint16_t id = 5;
  std::uint16_t type = 0x0800;  // of what follows
};
inline Wire tag(const Tag& t) {
  Wire out;
  put16(out, t.id);
  put16(out, t.type);
  return out;
}

// A view of `bytes`, which must outlive it.
struct Captured {
  std::uint16_t link_type = 1;
  Nanos time = 1'700'000'000 * kSecond;
  std::uint32_t interface_id = 3;
  std::uint32_t wire_bytes = 0;  // 0: as long as the bytes
  std::uint16_t ether_type = 0;
};
inline Frame frame(const Wire& bytes, const Captured& c = {}) {
  Frame out;
  out.time = c.time;
  out.interface_id = c.interface_id;
  out.wire_bytes = c.wire_bytes != 0 ? c.wire_bytes : static_cast<std::uint32_t>(bytes.size());
  out.link_type = c.link_type;
  out.ether_type = c.ether_type;
  out.data = bytes;
  return out;
}

}  // namespace weir::build
