// IPv4, IPv6, and the two transports above them: the Dissector's hot path.
#include <algorithm>

#include "packet/dissector.h"
#include "packet/ether_type.h"

namespace weir {
namespace {

constexpr std::uint32_t kIpv4HeaderBytes = 20;
constexpr std::uint32_t kIpv6HeaderBytes = 40;
constexpr std::uint32_t kTcpHeaderBytes = 20;
constexpr std::uint32_t kUdpHeaderBytes = 8;
constexpr unsigned kMaxExtensionHeaders = 16;

constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNop = 1;
constexpr std::uint8_t kOptionWindowScale = 3;
constexpr std::uint8_t kOptionSack = 5;
constexpr std::uint8_t kOptionTimestamps = 8;
constexpr std::uint8_t kJumboPayload = 0xc2;
constexpr std::uint32_t kMaxJumboBytes = 1 << 20;  // twice what Linux builds

// Of sequence numbers, modulo 2^32.
bool at_or_before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(b - a) >= 0;
}

// RFC 2883: the first block lies below the acknowledgment, or within the second block.
bool reports_duplicate(Bytes blocks, std::uint32_t acknowledgment) {
  const std::uint32_t left = load_be32(blocks.data());
  const std::uint32_t right = load_be32(blocks.data() + 4);
  if (!at_or_before(left, right)) return false;
  if (at_or_before(right, acknowledgment)) return true;
  return blocks.size() >= 16 && at_or_before(load_be32(blocks.data() + 8), left) &&
         at_or_before(right, load_be32(blocks.data() + 12));
}

void set_timestamps(TcpHeader& tcp, const std::uint8_t* value) {
  tcp.has_timestamps = true;
  tcp.timestamp_value = load_be32(value);
  tcp.timestamp_echo = load_be32(value + 4);
}

// Options that are cut off or make no sense end the list; the segment stands.
void read_options(Bytes options, TcpHeader& tcp) {
  constexpr std::uint32_t kUsual = 0x0101080a;  // NOP, NOP, timestamps: nearly every segment
  if (options.size() == 12 && load_be32(options.data()) == kUsual) [[likely]] {
    return set_timestamps(tcp, options.data() + 4);
  }
  while (options.size() >= 2 && options[0] != kOptionEnd) {
    if (options[0] == kOptionNop) {
      options = options.subspan(1);
      continue;
    }
    const std::size_t length = options[1];
    if (length < 2 || length > options.size()) return;
    if (options[0] == kOptionTimestamps && length == 10) {
      set_timestamps(tcp, options.data() + 2);
    } else if (options[0] == kOptionWindowScale && length == 3) {
      tcp.window_scale = static_cast<std::int8_t>(std::min<std::uint8_t>(options[2], 14));
    } else if (options[0] == kOptionSack && length >= 10) {
      tcp.has_dsack = reports_duplicate(options.subspan(2, length - 2), tcp.acknowledgment);
    }
    options = options.subspan(length);
  }
}

// The fixed part of a TCP header, and of its options what was captured.
inline void read_header(const std::uint8_t* p, std::uint32_t captured, Packet& packet) {
  packet.transport = Transport::kTcp;
  packet.source.port = load_be16(p);
  packet.destination.port = load_be16(p + 2);
  TcpHeader& tcp = packet.tcp;
  tcp = TcpHeader{};
  tcp.sequence = load_be32(p + 4);
  tcp.acknowledgment = load_be32(p + 8);
  tcp.fin = (p[13] & 0x01) != 0;
  tcp.syn = (p[13] & 0x02) != 0;
  tcp.rst = (p[13] & 0x04) != 0;
  tcp.psh = (p[13] & 0x08) != 0;
  tcp.ack = (p[13] & 0x10) != 0;
  tcp.window = load_be16(p + 14);
  if (captured > kTcpHeaderBytes) {
    read_options({p + kTcpHeaderBytes, captured - kTcpHeaderBytes}, tcp);
  }
}

// True where the header has a checksum (offloading may leave it 0) and the checksum is right.
bool checksum_holds(const std::uint8_t* header, std::uint32_t length) {
  std::uint32_t sum = 0;
  for (std::uint32_t at = 0; at < length; at += 2) sum += load_be16(header + at);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff && load_be16(header + 10) != 0;
}

// The length that a hop-by-hop header's jumbo option gives; 0 = none, or one that cannot be.
std::uint32_t jumbo_length(Bytes header) {
  std::size_t at = 2;
  while (at + 6 <= header.size()) {
    if (header[at] == kJumboPayload && header[at + 1] == 4) {
      const std::uint32_t length = load_be32(header.data() + at + 2);
      return length > 65535 && length <= kMaxJumboBytes ? length : 0;
    }
    at += header[at] == 0 ? 1 : std::size_t{2} + header[at + 1];
  }
  return 0;
}

}  // namespace

// Nearly every packet: TCP right behind an IPv4 header without options, and nothing cut off but
// payload. False for any other, whatever has been written; ipv4() would say the same of this one.
bool Dissector::usual(View v, Packet& packet) {
  const std::uint8_t* p = v.data;
  if (!v.has(kIpv4HeaderBytes + kTcpHeaderBytes) || p[0] != 0x45 || p[9] != kIpTcp ||
      (load_be16(p + 6) & 0x3fff) != 0) {
    return false;
  }
  const std::uint32_t total = load_be16(p + 2);
  const std::uint32_t headers = kIpv4HeaderBytes + (p[kIpv4HeaderBytes + 12] >> 4) * 4U;
  if (headers < kIpv4HeaderBytes + kTcpHeaderBytes || total < headers || total > v.wire ||
      !v.has(headers)) {
    return false;
  }
  packet.source.address = IpAddress::v4(p + 12);
  packet.destination.address = IpAddress::v4(p + 16);
  read_header(p + kIpv4HeaderBytes, headers - kIpv4HeaderBytes, packet);
  packet.payload = {p + headers, std::min(v.captured, total) - headers};
  packet.payload_bytes = total - headers;
  return true;
}

Dissection Dissector::ipv4(View v, unsigned depth, Packet& packet) {
  if (!v.has(kIpv4HeaderBytes)) return Dissection::kMalformed;
  const std::uint8_t* p = v.data;
  const std::uint32_t header = (p[0] & 0x0fU) * 4;
  // A packet larger than the field can say is left at 0 by segmentation offload.
  std::uint32_t total = load_be16(p + 2) != 0 ? load_be16(p + 2) : v.wire;
  if (p[0] >> 4 != 4 || header < kIpv4HeaderBytes || total < header || !v.has(header)) {
    return Dissection::kMalformed;
  }
  // More than the frame had: either the capture forgot how long it was (then the header is right),
  // or the header was damaged under way.
  if (total > v.wire && (!checksum_holds(p, header) || v.wire < header)) [[unlikely]] {
    total = v.wire;
  }
  packet.source.address = IpAddress::v4(p + 12);
  packet.destination.address = IpAddress::v4(p + 16);
  const View payload = v.of_length(total).from(header);
  const std::uint16_t fragmentation = load_be16(p + 6);
  if ((fragmentation & 0x3fff) != 0) [[unlikely]] {
    Fragments::Piece piece;
    piece.offset = (fragmentation & 0x1fffU) * 8;
    piece.last = (fragmentation & 0x2000) == 0;
    piece.captured = payload.bytes();
    piece.wire_bytes = payload.wire;
    piece.next_header = p[9];
    return fragment(piece, load_be16(p + 4), p[9], depth, packet);
  }
  return ip_payload(p[9], payload, depth, packet);
}

Dissection Dissector::ipv6(View v, unsigned depth, Packet& packet) {
  if (!v.has(kIpv6HeaderBytes) || v.data[0] >> 4 != 6) return Dissection::kMalformed;
  const std::uint8_t* p = v.data;
  packet.source.address = IpAddress::v6(p + 8);
  packet.destination.address = IpAddress::v6(p + 24);
  const std::uint8_t next = p[6];
  const View rest = v.from(kIpv6HeaderBytes);
  if (const std::uint16_t length = load_be16(p + 4); length != 0) [[likely]] {
    return ip_payload(next, rest.of_length(length), depth, packet);
  }
  // A jumbogram says its length in an option; large offloaded packets do not say it at all.
  if (next == kIpHopByHop && rest.has(8)) {
    const std::uint32_t header = (rest.data[1] + 1U) * 8;
    const std::uint32_t jumbo = jumbo_length(rest.bytes().first(std::min(header, rest.captured)));
    if (jumbo != 0) return ip_payload(next, rest.of_length(jumbo), depth, packet);
  }
  return ip_payload(next, rest, depth, packet);
}

Dissection Dissector::ip(View v, unsigned depth, Packet& packet) {
  if (!v.has(1)) return Dissection::kMalformed;
  return v.data[0] >> 4 == 6 ? ipv6(v, depth, packet) : ipv4(v, depth, packet);
}

Dissection Dissector::ip_payload(std::uint8_t protocol, View v, unsigned depth, Packet& packet) {
  if (protocol == kIpTcp) [[likely]] {
    return tcp(v, packet);
  }
  if (protocol == kIpUdp) return udp(v, depth, packet);
  return extension(protocol, v, depth, packet);
}

// Walks IPv6 extension headers, and the authentication header of both versions, to what they carry.
Dissection Dissector::extension(std::uint8_t protocol, View v, unsigned depth, Packet& packet) {
  for (unsigned count = 0; count < kMaxExtensionHeaders; ++count) {
    std::uint32_t length = 0;
    switch (protocol) {
      case kIpTcp:
        return tcp(v, packet);
      case kIpUdp:
        return udp(v, depth, packet);
      case kIpIpv4:
      case kIpIpv6:
      case kIpGre:
      case kIpMpls:
        if (!decapsulate_) return Dissection::kForeign;
        if (depth >= kMaxDepth) return Dissection::kMalformed;
        if (protocol == kIpIpv4) return ipv4(v, depth + 1, packet);
        if (protocol == kIpIpv6) return ipv6(v, depth + 1, packet);
        if (protocol == kIpGre) return gre(v, depth + 1, packet);
        return mpls(v, depth + 1, packet);
      case kIpFragment: {
        if (!v.has(8)) return Dissection::kMalformed;
        const std::uint16_t field = load_be16(v.data + 2);
        if ((field & 0xfff9) == 0) {  // the only one of its datagram
          length = 8;
          break;
        }
        Fragments::Piece piece;
        piece.offset = field & 0xfff8U;
        piece.last = (field & 1) == 0;
        piece.captured = v.from(8).bytes();
        piece.wire_bytes = v.wire - 8;
        piece.next_header = v.data[0];
        return fragment(piece, load_be32(v.data + 4), Fragments::Key::kIpv6, depth, packet);
      }
      case kIpAuthentication:
        if (!v.has(8)) return Dissection::kMalformed;
        length = (v.data[1] + 2U) * 4;
        break;
      case kIpHopByHop:
      case kIpRouting:
      case kIpDestinationOptions:
      case kIpMobility:
        if (!v.has(8)) return Dissection::kMalformed;
        length = (v.data[1] + 1U) * 8;
        break;
      default:
        return Dissection::kForeign;
    }
    if (!v.has(length)) return Dissection::kMalformed;
    protocol = v.data[0];
    v = v.from(length);
  }
  return Dissection::kMalformed;
}

Dissection Dissector::fragment(const Fragments::Piece& piece, std::uint32_t identification,
                               std::uint32_t protocol, unsigned depth, Packet& packet) {
  Fragments::Key key{packet.source.address, packet.destination.address, packet.interface_id,
                     identification, protocol};
  // Inside a tunnel whose own datagram has just become whole, this stands for all its frames.
  Fragments::Piece counted = piece;
  counted.frames = 1 + absorbed_;
  absorbed_ = 0;
  Fragments::Datagram whole;
  if (!fragments_.add(key, counted, packet.time, whole)) return Dissection::kFragment;
  absorbed_ = whole.frames - 1;
  if (depth >= kMaxDepth) return Dissection::kMalformed;
  const View v{whole.data.data(), static_cast<std::uint32_t>(whole.data.size()), whole.wire_bytes};
  return ip_payload(whole.next_header, v, depth + 1, packet);
}

bool Dissector::next_incomplete(Packet& packet) noexcept {
  Fragments::GivenUp head;
  while (fragments_.take_given_up(head)) {
    packet.time = head.created;
    packet.interface_id = head.key.interface_id;
    packet.source.address = head.key.source;
    packet.destination.address = head.key.destination;
    absorbed_ = head.datagram.frames - 1;
    const View v{head.datagram.data.data(), static_cast<std::uint32_t>(head.datagram.data.size()),
                 head.datagram.wire_bytes};
    const Dissection result = ip_payload(head.datagram.next_header, v, kMaxDepth - 1, packet);
    if (result == Dissection::kPacket) return true;
    if (result != Dissection::kFragment) fragments_.count_lost(1 + absorbed_);
  }
  return false;
}

Dissection Dissector::tcp(View v, Packet& packet) {
  if (!v.has(kTcpHeaderBytes)) return Dissection::kMalformed;
  const std::uint8_t* p = v.data;
  const std::uint32_t header = (p[12] >> 4) * 4U;
  if (header < kTcpHeaderBytes || header > v.wire) return Dissection::kMalformed;
  const std::uint32_t captured_header = std::min(header, v.captured);
  read_header(p, captured_header, packet);
  packet.payload = {p + captured_header, v.captured - captured_header};
  packet.payload_bytes = v.wire - header;
  return Dissection::kPacket;
}

Dissection Dissector::udp(View v, unsigned depth, Packet& packet) {
  if (!v.has(kUdpHeaderBytes)) return Dissection::kMalformed;
  const std::uint8_t* p = v.data;
  // 0 where the field is too small for the datagram: jumbograms, segmentation offload.
  const std::uint32_t length = load_be16(p + 4) != 0 ? load_be16(p + 4) : v.wire;
  if (length < kUdpHeaderBytes) return Dissection::kMalformed;
  const std::uint16_t source_port = load_be16(p);
  const std::uint16_t destination_port = load_be16(p + 2);
  const View payload = v.of_length(length).from(kUdpHeaderBytes);
  if (decapsulate_) {
    const Dissection inner = udp_tunnel(source_port, destination_port, payload, depth, packet);
    if (inner != Dissection::kMalformed) return inner;
  }
  packet.transport = Transport::kUdp;
  packet.source.port = source_port;
  packet.destination.port = destination_port;
  packet.payload = payload.bytes();
  packet.payload_bytes = payload.wire;
  return Dissection::kPacket;
}

}  // namespace weir
