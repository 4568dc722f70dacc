// Link layers, and what stands between them and IP: VLAN tags, LLC, PPP, MPLS, MACsec.
#include "packet/dissector.h"
#include "packet/ether_type.h"

namespace weir {
namespace {

// LINKTYPE_* of the pcap registry.
enum : std::uint32_t {
  kNull = 0,
  kEthernet = 1,
  kArcnetBsd = 7,
  kPpp = 9,
  kRawBsd = 12,
  kRawOpenBsd = 14,
  kPppHdlc = 50,
  kPppEther = 51,
  kRaw = 101,
  kCiscoHdlc = 104,
  kIeee80211 = 105,
  kLoop = 108,
  kLinuxCooked = 113,
  kRadiotap = 127,
  kArcnetLinux = 129,
  kPktapUser2 = 149,  // what macOS wrote before PKTAP had a number
  kIpv4 = 228,
  kIpv6 = 229,
  kIpOverInfiniband = 242,
  kNflog = 239,
  kPktap = 258,
  kLinuxCookedV2 = 276,
};

constexpr unsigned kMaxTags = 8;
constexpr unsigned kMaxLabels = 32;

bool is_tag(std::uint16_t type) {
  return type == kEtherVlan || type == kEtherProviderVlan || type == kEtherOldQinq;
}

std::uint16_t load_le16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>(p[0] | (p[1] << 8));
}
std::uint32_t load_le32(const std::uint8_t* p) {
  return std::uint32_t{load_le16(p)} | (std::uint32_t{load_le16(p + 2)} << 16);
}

}  // namespace

Dissection Dissector::link(std::uint32_t type, View v, unsigned depth, Packet& packet) {
  switch (type) {
    case kEthernet:
      return ethernet(v, depth, packet);
    case kLinuxCooked:
      return cooked(v, depth, packet);
    case kLinuxCookedV2:
      return cooked_v2(v, depth, packet);
    case kRaw:
    case kRawBsd:
    case kRawOpenBsd:
    case kIpv4:
      return ip(v, depth, packet);  // some writers of kIpv4 mean any
    case kIpv6:
      return ipv6(v, depth, packet);
    case kNull:
    case kLoop:
      return bsd_loopback(v, depth, packet);
    case kPpp:
    case kPppHdlc:
      return ppp(v, depth, packet);
    case kPppEther:
      return pppoe(v, depth, packet);
    case kCiscoHdlc:
      return cisco_hdlc(v, depth, packet);
    case kIpOverInfiniband:
      return infiniband(v, depth, packet);
    case kNflog:
      return nflog(v, depth, packet);
    case kPktap:
    case kPktapUser2:
      return pktap(v, depth, packet);
    case kArcnetBsd:
      return arcnet(v, 2, depth, packet);
    case kArcnetLinux:
      return arcnet(v, 4, depth, packet);
    case kIeee80211:
      return wifi(v, depth, packet);
    case kRadiotap:
      return radiotap(v, depth, packet);
    default:
      return Dissection::kLinkType;
  }
}

Dissection Dissector::ethernet(View v, unsigned depth, Packet& packet) {
  if (!v.has(14)) return Dissection::kMalformed;
  const std::uint16_t type = load_be16(v.data + 12);
  if (type == kEtherIpv4) [[likely]] {
    return ipv4(v.from(14), depth, packet);
  }
  return ether_type(type, v.from(14), depth, packet);
}

Dissection Dissector::ether_type(std::uint16_t type, View v, unsigned depth, Packet& packet) {
  if (depth > kMaxDepth) return Dissection::kMalformed;
  for (unsigned tags = 0; is_tag(type); ++tags) {
    if (tags == kMaxTags || !v.has(4)) return Dissection::kMalformed;
    type = load_be16(v.data + 2);
    v = v.from(4);
  }
  if (type <= kMaxFrameLength) return llc(type < v.wire ? v.of_length(type) : v, depth, packet);
  switch (type) {
    case kEtherIpv4:
      return ipv4(v, depth, packet);
    case kEtherIpv6:
      return ipv6(v, depth, packet);
    case kEtherMpls:
    case kEtherMplsMulticast:
      return mpls(v, depth, packet);
    case kEtherPppoeSession:
      return pppoe(v, depth, packet);
    case kEtherMacsec:
      return macsec(v, depth, packet);
    case kEtherNsh:
      return nsh(v, depth, packet);
    default:
      return Dissection::kForeign;
  }
}

Dissection Dissector::llc(View v, unsigned depth, Packet& packet) {
  if (!v.has(3)) return Dissection::kMalformed;
  const std::uint8_t* p = v.data;
  if (p[0] == 0x06 && p[1] == 0x06 && p[2] == 0x03) return ipv4(v.from(3), depth, packet);
  if (p[0] != 0xaa || p[1] != 0xaa || p[2] != 0x03) return Dissection::kForeign;
  if (!v.has(8)) return Dissection::kMalformed;
  const std::uint32_t organization = load_be32(p + 2) & 0xffffff;
  const std::uint16_t type = load_be16(p + 6);
  // Ethertypes are what organization 0 has, and bridged 802.3 tunnels (RFC 1042, 802.1H).
  if ((organization != 0 && organization != 0xf8) || type <= kMaxFrameLength) {
    return Dissection::kForeign;
  }
  return ether_type(type, v.from(8), depth + 1, packet);
}

Dissection Dissector::ppp(View v, unsigned depth, Packet& packet) {
  if (v.has(2) && v.data[0] == 0xff && v.data[1] == 0x03) {
    v = v.from(2);
  } else if (v.has(2) && (v.data[0] == 0x0f || v.data[0] == 0x8f)) {
    return cisco_hdlc(v, depth, packet);
  }
  if (!v.has(2)) return Dissection::kMalformed;
  const bool compressed = (v.data[0] & 1) != 0;  // one byte suffices
  const std::uint16_t protocol = compressed ? v.data[0] : load_be16(v.data);
  v = v.from(compressed ? 1 : 2);
  switch (protocol) {
    case 0x0021:
      return ipv4(v, depth, packet);
    case 0x0057:
      return ipv6(v, depth, packet);
    case 0x0281:
    case 0x0283:
      return mpls(v, depth, packet);
    default:
      return Dissection::kForeign;
  }
}

Dissection Dissector::pppoe(View v, unsigned depth, Packet& packet) {
  if (!v.has(6) || v.data[0] != 0x11) return Dissection::kMalformed;
  if (v.data[1] != 0) return Dissection::kForeign;  // discovery
  const std::uint16_t length = load_be16(v.data + 4);
  return ppp(v.from(6).of_length(length), depth, packet);
}

Dissection Dissector::cisco_hdlc(View v, unsigned depth, Packet& packet) {
  if (!v.has(4)) return Dissection::kMalformed;
  const std::uint16_t type = load_be16(v.data + 2);
  if (type <= kMaxFrameLength) return Dissection::kForeign;
  return ether_type(type, v.from(4), depth + 1, packet);
}

Dissection Dissector::cooked(View v, unsigned depth, Packet& packet) {
  if (!v.has(16)) return Dissection::kMalformed;
  const std::uint16_t type = load_be16(v.data + 14);
  if (type <= kMaxFrameLength) {
    return type == 0x0004 ? llc(v.from(16), depth, packet) : Dissection::kForeign;
  }
  return ether_type(type, v.from(16), depth, packet);
}

Dissection Dissector::cooked_v2(View v, unsigned depth, Packet& packet) {
  if (!v.has(20)) return Dissection::kMalformed;
  packet.interface_id = cooked_interface(packet.interface_id, load_be32(v.data + 4));
  const std::uint16_t type = load_be16(v.data);
  if (type <= kMaxFrameLength) {
    return type == 0x0004 ? llc(v.from(20), depth, packet) : Dissection::kForeign;
  }
  return ether_type(type, v.from(20), depth, packet);
}

// The address family in the byte order of the machine that captured: the small reading is meant.
// 2 is IPv4 everywhere; IPv6 has a number of its own on every system.
Dissection Dissector::bsd_loopback(View v, unsigned depth, Packet& packet) {
  if (!v.has(4)) return Dissection::kMalformed;
  std::uint32_t family = load_be32(v.data);
  if (family > 0xffff) family = load_le32(v.data);
  switch (family) {
    case 2:
      return ipv4(v.from(4), depth, packet);
    case 10:
    case 23:
    case 24:
    case 28:
    case 30:
      return ipv6(v.from(4), depth, packet);
    default:
      break;
  }
  // Point-to-point devices of some systems put their own header here.
  const bool serial = v.data[0] == 0xff || v.data[0] == 0x0f || v.data[0] == 0x8f;
  return serial ? ppp(v, depth, packet) : Dissection::kForeign;
}

// A hardware address of 40 bytes, the ethertype, two bytes unused.
Dissection Dissector::infiniband(View v, unsigned depth, Packet& packet) {
  if (!v.has(44)) return Dissection::kMalformed;
  return ether_type(load_be16(v.data + 40), v.from(44), depth, packet);
}

// A list of (length, type) records; the packet is in one of them. Lengths include their header, and
// are in the byte order of the machine that captured.
Dissection Dissector::nflog(View v, unsigned depth, Packet& packet) {
  constexpr std::uint16_t kPayload = 9;
  if (!v.has(4) || v.data[1] != 0) return Dissection::kMalformed;
  v = v.from(4);
  while (v.has(4)) {
    const bool little = load_le16(v.data + 2) <= 0xff;
    const std::uint32_t length = little ? load_le16(v.data) : load_be16(v.data);
    const std::uint16_t type = little ? load_le16(v.data + 2) : load_be16(v.data + 2);
    if (length < 4 || length > v.wire) return Dissection::kMalformed;
    if (type == kPayload) return ip(v.from(4).of_length(length - 4), depth, packet);
    const std::uint32_t step = (length + 3) & ~3U;
    if (!v.has(step)) return Dissection::kMalformed;
    v = v.from(step);
  }
  return Dissection::kForeign;
}

Dissection Dissector::pktap(View v, unsigned depth, Packet& packet) {
  if (!v.has(12) || depth >= kMaxDepth) return Dissection::kMalformed;
  const std::uint32_t header = load_le32(v.data);
  const bool has_packet = load_le32(v.data + 4) == 1;
  if (header < 12 || !v.has(header)) return Dissection::kMalformed;
  if (!has_packet) return Dissection::kForeign;
  return link(load_le32(v.data + 8), v.from(header), depth + 1, packet);
}

// `header`: where the type byte is. Old types have nothing more; the others a fragment flag and a
// sequence number, after an exception flag those once more.
Dissection Dissector::arcnet(View v, unsigned header, unsigned depth, Packet& packet) {
  if (!v.has(header + 4)) return Dissection::kMalformed;
  const std::uint8_t type = v.data[header];
  const std::uint8_t flag = v.data[header + 1];
  if (type == 0xf0) return ipv4(v.from(header + 1), depth, packet);
  if (type != 0xd4 && type != 0xc4) return Dissection::kForeign;
  const std::uint32_t skip = header + (flag == 0xff ? 8 : 4);
  if (!v.has(skip) || (flag != 0 && flag != 0xff)) return Dissection::kMalformed;
  return type == 0xd4 ? ipv4(v.from(skip), depth, packet) : ipv6(v.from(skip), depth, packet);
}

// Plain data frames only: what is encrypted, aggregated or without data is foreign.
Dissection Dissector::wifi(View v, unsigned depth, Packet& packet) {
  if (!v.has(24))
    return v.has(2) && (v.data[0] & 0x0c) != 0x08 ? Dissection::kForeign : Dissection::kMalformed;
  const std::uint8_t kind = v.data[0];
  const std::uint8_t flags = v.data[1];
  const bool protected_frame = (flags & 0x40) != 0;
  if ((kind & 0x0c) != 0x08 || (kind & 0x40) != 0 || protected_frame) return Dissection::kForeign;
  std::uint32_t header = 24;
  if ((flags & 0x03) == 0x03) header += 6;  // a fourth address
  if ((kind & 0x80) != 0) {                 // quality of service
    if (!v.has(header + 2)) return Dissection::kMalformed;
    if ((v.data[header] & 0x80) != 0) return Dissection::kForeign;  // aggregated
    header += (flags & 0x80) != 0 ? 6 : 2;
  }
  if (!v.has(header)) return Dissection::kMalformed;
  return llc(v.from(header), depth, packet);
}

Dissection Dissector::radiotap(View v, unsigned depth, Packet& packet) {
  if (!v.has(4)) return Dissection::kMalformed;
  const std::uint32_t header = load_le16(v.data + 2);
  if (header < 8 || !v.has(header)) return Dissection::kMalformed;
  return wifi(v.from(header), depth, packet);
}

// A label stack does not say what it carries; the first four bits after it do.
Dissection Dissector::mpls(View v, unsigned depth, Packet& packet) {
  bool bottom = false;
  for (unsigned labels = 0; !bottom; ++labels) {
    if (labels == kMaxLabels || !v.has(4)) return Dissection::kMalformed;
    bottom = (v.data[2] & 1) != 0;
    v = v.from(4);
  }
  if (!v.has(1)) return Dissection::kMalformed;
  switch (v.data[0] >> 4) {
    case 4:
      return ipv4(v, depth, packet);
    case 6:
      return ipv6(v, depth, packet);
    case 0:
      break;  // perhaps the control word of an Ethernet pseudowire
    default:
      return Dissection::kForeign;
  }
  if (!decapsulate_ || !v.has(4)) return Dissection::kForeign;
  const Dissection inside = inner_ethernet(v.from(4), depth, packet);
  return inside == Dissection::kMalformed ? Dissection::kForeign : inside;
}

// Readable when it is authenticated only.
Dissection Dissector::macsec(View v, unsigned depth, Packet& packet) {
  if (!v.has(6)) return Dissection::kMalformed;
  const std::uint8_t control = v.data[0];
  if ((control & 0x8c) != 0) return Dissection::kForeign;  // other version, encrypted, changed
  const std::uint32_t header = (control & 0x20) != 0 ? 14 : 6;
  if (!v.has(header + 2)) return Dissection::kMalformed;
  return ether_type(load_be16(v.data + header), v.from(header + 2), depth + 1, packet);
}

}  // namespace weir
