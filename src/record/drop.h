// Drop: a packet, or what a flow lost for one reason at one place, as docs/records.md describes it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "record/address.h"
#include "record/flow_sample.h"

namespace weir {

enum class DropSource : std::uint8_t {
  kKernel,   // the kernel's own packet
  kCounter,  // only a counter of the kernel's or of a device tells
};

// What was dropped, where and why. Views are valid during the call.
struct Drop {
  DropSource source = DropSource::kKernel;
  std::string_view reason;     // "NO_SOCKET"; of a counter, its name
  std::string_view function;   // empty where it is a counter's
  std::string_view interface;  // empty where it is not known
  std::uint32_t interface_index = 0;
  std::uint32_t network_namespace = 0;  // inode; 0: not known
  std::uint64_t cookie = 0;             // of the socket; 0: not known, or none
  bool whole = false;                   // what follows is known
  FlowAddresses addresses = FlowAddresses::kNone;
  Endpoint from, to;
  std::uint8_t protocol = 0;                                  // of IP
  std::uint16_t ether_type = 0;                               // where addresses are kNone
  std::optional<std::pair<std::uint8_t, std::uint8_t>> icmp;  // type and code
  std::optional<std::uint16_t> vlan;
  bool in_tunnel = false;  // the addresses are those of the packet in it
};

// What was dropped in an interval.
struct DropSample {
  Nanos time = 0;
  Nanos interval_ns = 0;
  Drop drop;
  std::uint64_t packets = 0, bytes = 0;  // super packets are one; bytes as the packet was then
  Nanos first_seen = 0, last_seen = 0;   // 0 where it is a counter's
};

// One packet.
struct DropEvent {
  Nanos time = 0;
  Drop drop;
  std::uint32_t length = 0;
  std::uint16_t ether_type = 0, tag = 0;                 // tag: of the outer VLAN
  std::optional<std::array<std::uint8_t, 12>> hardware;  // destination, source
  std::uint8_t tos = 0, ttl = 0;
};

std::string_view drop_source_name(DropSource source);
// "tcp", "icmp", "ip-89", "arp", "0x88cc"; empty where it is not known.
std::string drop_protocol_text(const Drop& drop);

}  // namespace weir
