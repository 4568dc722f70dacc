// Tunnels. Here kMalformed also says "not this tunnel after all": the caller then takes the outer
// packet for what it is.
#include "packet/dissector.h"
#include "packet/ether_type.h"

namespace weir {
namespace {

constexpr std::uint16_t kGtpUser = 2152;
constexpr std::uint16_t kTeredo = 3544;
constexpr std::uint16_t kVxlan = 4789;
constexpr std::uint16_t kVxlanGpe = 4790;
constexpr std::uint16_t kGeneve = 6081;
constexpr std::uint16_t kMplsOverUdp = 6635;
constexpr std::uint16_t kVxlanLinux = 8472;  // the kernel's default, older than the assigned port

// The next-protocol numbers that VXLAN-GPE and NSH share.
enum : std::uint8_t {
  kNextIpv4 = 1,
  kNextIpv6 = 2,
  kNextEthernet = 3,
  kNextNsh = 4,
  kNextMpls = 5
};

// What may follow the addresses of a tunnelled frame; anything else makes the tunnel doubtful.
bool is_familiar(std::uint16_t type) {
  switch (type) {
    case kEtherIpv4:
    case kEtherIpv6:
    case kEtherArp:
    case 0x8035:  // RARP
    case kEtherVlan:
    case kEtherProviderVlan:
    case kEtherOldQinq:
    case kEtherMpls:
    case kEtherMplsMulticast:
    case 0x8863:  // PPPoE discovery
    case kEtherPppoeSession:
    case 0x8809:  // LACP
    case 0x888e:  // EAPOL
    case kEtherLldp:
    case kEtherMacsec:
    case kEtherNsh:
    case 0x9000:
      return true;  // loopback test
    default:
      return type <= kMaxFrameLength;
  }
}

}  // namespace

// Where a tunnel's port is the destination; Teredo relays also answer from theirs. What an ordinary
// datagram to such a port is recognised by: its content is no tunnel header with a packet inside.
Dissection Dissector::udp_tunnel(std::uint16_t source_port, std::uint16_t destination_port, View v,
                                 unsigned depth, Packet& packet) {
  Dissection (Dissector::*enter)(View, unsigned, Packet&) = nullptr;
  switch (destination_port) {
    case kVxlan:
    case kVxlanLinux:
      enter = &Dissector::vxlan;
      break;
    case kVxlanGpe:
      enter = &Dissector::vxlan_gpe;
      break;
    case kGeneve:
      enter = &Dissector::geneve;
      break;
    case kGtpUser:
      enter = &Dissector::gtp;
      break;
    case kMplsOverUdp:
      enter = &Dissector::mpls;
      break;
    case kTeredo:
      enter = &Dissector::teredo;
      break;
    default:
      if (source_port != kTeredo) return Dissection::kMalformed;
      enter = &Dissector::teredo;
  }
  if (depth >= kMaxDepth) return Dissection::kMalformed;
  const Packet outer = packet;
  const Dissection inside = (this->*enter)(v, depth + 1, packet);
  if (inside == Dissection::kMalformed) packet = outer;
  return inside;
}

Dissection Dissector::inner_ethernet(View v, unsigned depth, Packet& packet) {
  if (!v.has(14) || !is_familiar(load_be16(v.data + 12))) return Dissection::kMalformed;
  return ethernet(v, depth, packet);
}

Dissection Dissector::inner(std::uint16_t type, View v, unsigned depth, Packet& packet) {
  if (type == kEtherTransparentBridging) return inner_ethernet(v, depth, packet);
  return is_familiar(type) ? ether_type(type, v, depth, packet) : Dissection::kMalformed;
}

Dissection Dissector::gre(View v, unsigned depth, Packet& packet) {
  if (!v.has(4)) return Dissection::kMalformed;
  const std::uint16_t flags = load_be16(v.data);
  const std::uint16_t type = load_be16(v.data + 2);
  const bool routed = (flags & 0x4000) != 0, sequenced = (flags & 0x1000) != 0;
  if ((flags & 7) == 1) return gre_pptp(v, flags, depth, packet);
  if ((flags & 7) != 0) return Dissection::kForeign;
  std::uint32_t header = 4;
  if ((flags & 0xc000) != 0) header += 4;  // checksum and offset
  if ((flags & 0x2000) != 0) header += 4;  // key
  if (sequenced) header += 4;
  if (!v.has(header)) return Dissection::kMalformed;
  v = v.from(header);
  // Source routes: (family, offset, length, data) until one is empty.
  for (bool more = routed; more;) {
    if (!v.has(4)) return Dissection::kMalformed;
    more = load_be16(v.data) != 0 || v.data[3] != 0;
    const std::uint32_t step = 4U + v.data[3];
    if (!v.has(step)) return Dissection::kMalformed;
    v = v.from(step);
  }
  switch (type) {
    case kEtherTransparentBridging:
      return ethernet(v, depth, packet);
    case kEtherErspan:
      return erspan(v, sequenced, depth, packet);
    case kEtherErspan3:
      return erspan3(v, depth, packet);
    case kEtherPpp:
      return ppp(v, depth, packet);
    default:
      return type <= kMaxFrameLength ? Dissection::kForeign : ether_type(type, v, depth, packet);
  }
}

Dissection Dissector::gre_pptp(View v, std::uint16_t flags, unsigned depth, Packet& packet) {
  if (load_be16(v.data + 2) != kEtherPpp) return Dissection::kForeign;
  const bool has_payload = (flags & 0x1000) != 0, acknowledges = (flags & 0x0080) != 0;
  const std::uint32_t header = 8U + (has_payload ? 4 : 0) + (acknowledges ? 4 : 0);
  if (!v.has(header)) return Dissection::kMalformed;
  if (!has_payload) return Dissection::kForeign;
  v = v.of_length(header + load_be16(v.data + 4)).from(header);
  return ppp(v, depth, packet);
}

// Type I has no header of its own, type II eight bytes.
Dissection Dissector::erspan(View v, bool has_header, unsigned depth, Packet& packet) {
  if (!has_header) return ethernet(v, depth, packet);
  if (!v.has(8)) return Dissection::kMalformed;
  return ethernet(v.from(8), depth, packet);
}

Dissection Dissector::erspan3(View v, unsigned depth, Packet& packet) {
  if (!v.has(12)) return Dissection::kMalformed;
  const std::uint8_t frame_type = (v.data[10] >> 2) & 0x1f;
  const std::uint32_t header = (v.data[11] & 1) != 0 ? 20 : 12;  // a platform's own part
  if (!v.has(header)) return Dissection::kMalformed;
  if (frame_type == 0) return ethernet(v.from(header), depth, packet);
  return frame_type == 2 ? ip(v.from(header), depth, packet) : Dissection::kForeign;
}

Dissection Dissector::vxlan(View v, unsigned depth, Packet& packet) {
  if (!v.has(8) || (v.data[0] & 0x08) == 0) return Dissection::kMalformed;  // no valid identifier
  return inner_ethernet(v.from(8), depth, packet);
}

Dissection Dissector::vxlan_gpe(View v, unsigned depth, Packet& packet) {
  if (!v.has(8) || (v.data[0] & 0x08) == 0 || (v.data[0] & 0x30) != 0) {
    return Dissection::kMalformed;
  }
  const bool named = (v.data[0] & 0x04) != 0;  // else it is what VXLAN always carries
  const View rest = v.from(8);
  switch (named ? v.data[3] : std::uint8_t{kNextEthernet}) {
    case kNextIpv4:
      return ipv4(rest, depth, packet);
    case kNextIpv6:
      return ipv6(rest, depth, packet);
    case kNextEthernet:
      return inner_ethernet(rest, depth, packet);
    case kNextNsh:
      return nsh(rest, depth, packet);
    case kNextMpls:
      return mpls(rest, depth, packet);
    default:
      return Dissection::kMalformed;
  }
}

Dissection Dissector::nsh(View v, unsigned depth, Packet& packet) {
  if (!v.has(8) || v.data[0] >> 6 != 0 || depth >= kMaxDepth) return Dissection::kMalformed;
  const std::uint32_t header = (v.data[1] & 0x3fU) * 4;
  if (header < 8 || !v.has(header)) return Dissection::kMalformed;
  const View rest = v.from(header);
  switch (v.data[3]) {
    case kNextIpv4:
      return ipv4(rest, depth, packet);
    case kNextIpv6:
      return ipv6(rest, depth, packet);
    case kNextEthernet:
      return inner_ethernet(rest, depth, packet);
    case kNextNsh:
      return nsh(rest, depth + 1, packet);
    case kNextMpls:
      return mpls(rest, depth, packet);
    default:
      return Dissection::kForeign;
  }
}

Dissection Dissector::geneve(View v, unsigned depth, Packet& packet) {
  if (!v.has(8) || v.data[0] >> 6 != 0) return Dissection::kMalformed;
  const std::uint32_t header = 8 + (v.data[0] & 0x3fU) * 4;
  if (!v.has(header)) return Dissection::kMalformed;
  return inner(load_be16(v.data + 2), v.from(header), depth, packet);
}

// Version 1, user data (message type 255).
Dissection Dissector::gtp(View v, unsigned depth, Packet& packet) {
  if (!v.has(8) || v.data[0] >> 4 != 3 || v.data[1] != 255) return Dissection::kMalformed;
  const std::uint8_t flags = v.data[0];
  v = v.from(8).of_length(load_be16(v.data + 2));
  if ((flags & 7) != 0) {  // sequence number, N-PDU number, next extension type, all or none
    if (!v.has(4)) return Dissection::kMalformed;
    std::uint8_t next = (flags & 4) != 0 ? v.data[3] : std::uint8_t{0};
    v = v.from(4);
    while (next != 0) {
      const std::uint32_t length = v.has(1) ? v.data[0] * 4U : 0;
      if (length == 0 || !v.has(length)) return Dissection::kMalformed;
      next = v.data[length - 1];
      v = v.from(length);
    }
  }
  return ip(v, depth, packet);
}

// IPv6, after an optional authentication and an optional origin indication.
Dissection Dissector::teredo(View v, unsigned depth, Packet& packet) {
  if (v.has(4) && load_be16(v.data) == 1) {
    const std::uint32_t header = 13U + v.data[2] + v.data[3];
    if (!v.has(header)) return Dissection::kMalformed;
    v = v.from(header);
  }
  if (v.has(8) && load_be16(v.data) == 0) v = v.from(8);
  return ipv6(v, depth, packet);
}

}  // namespace weir
