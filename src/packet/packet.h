// Packet: one TCP segment or UDP datagram as a view; and Frame, the captured bytes it came from.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/time.h"
#include "record/address.h"

namespace weir {

// What a source hands over: one captured frame. Views are valid until the source's next call.
struct Frame {
  Nanos time = 0;
  std::uint32_t interface_id = 0;  // kernel ifindex when live; number of the file's interface else
  std::uint32_t wire_bytes = 0;    // length on the wire; more than data.size() when cut
  std::uint16_t link_type = 0;     // LINKTYPE_* of the pcap registry, or kNetworkLayer
  std::uint16_t ether_type = 0;    // with kNetworkLayer: what data begins with
  Bytes data;

  // Live: the kernel has parsed the link layer, data begins with the network header (or with a VLAN
  // tag, ether_type 0x8100 or 0x88a8, whose TCI is then the first two bytes).
  static constexpr std::uint16_t kNetworkLayer = 0xffff;
};

struct TcpHeader {
  std::uint32_t sequence = 0, acknowledgment = 0;
  std::uint16_t window = 0;  // as sent, unscaled
  bool fin = false, syn = false, rst = false, psh = false, ack = false;
  // Options, when present:
  bool has_timestamps = false;
  std::uint32_t timestamp_value = 0, timestamp_echo = 0;
  std::int8_t window_scale = -1;  // of a SYN; -1 = absent
  bool has_dsack = false;         // the first SACK block reports a duplicate (RFC 2883)
};

struct Packet {
  Nanos time = 0;
  std::uint32_t interface_id = 0;
  Transport transport = Transport::kTcp;
  Endpoint source, destination;  // innermost
  Bytes payload;                 // what was captured of it
  std::uint32_t payload_bytes =
      0;          // what was on the wire; > payload.size() when cut by snap length
  TcpHeader tcp;  // meaningful for TCP
};

}  // namespace weir
