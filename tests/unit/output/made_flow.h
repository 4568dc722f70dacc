// Flows as the lens would tell them, for the tests of outputs.
#pragma once

#include <arpa/inet.h>

#include "record/flow_sample.h"

namespace weir {

// "10.0.0.1", or IPv6.
inline IpAddress address_of(const char* text) {
  std::uint8_t bytes[16] = {};
  if (inet_pton(AF_INET, text, bytes) == 1) return IpAddress::v4(bytes);
  inet_pton(AF_INET6, text, bytes);
  return IpAddress::v6(bytes);
}

// TCP on eth0; 10 packets of 1000 bytes in all came in the last 2 s.
inline FlowSample made_flow(const char* source = "192.168.1.30", std::uint16_t source_port = 80,
                            const char* destination = "192.168.1.40",
                            std::uint16_t destination_port = 50234) {
  FlowSample flow;
  flow.time = 1751805411 * kSecond;
  flow.interval_ns = 2 * kSecond;
  flow.interface_index = 2;
  flow.interface = "eth0";
  flow.type = TrafficType::kTcp;
  flow.source = {address_of(source), source_port};
  flow.destination = {address_of(destination), destination_port};
  flow.addresses = flow.source.address.is_v4() ? FlowAddresses::kIpv4 : FlowAddresses::kIpv6;
  flow.protocol = 6;
  flow.total = {.frames = 90, .bytes = 65000, .wire_packets = 100, .wire_bytes = 65536};
  flow.in_interval = {.frames = 9, .bytes = 900, .wire_packets = 10, .wire_bytes = 1000};
  return flow;
}

// A frame of which no more than its Ethernet type was read.
inline FlowSample made_frame(std::uint16_t ether_type) {
  FlowSample flow = made_flow();
  flow.type = ether_type == 0x8914 ? TrafficType::kInfiniband : TrafficType::kOther;
  flow.addresses = FlowAddresses::kNone;
  flow.source = flow.destination = {};
  flow.protocol = 0;
  flow.ether_type = ether_type;
  return flow;
}

}  // namespace weir
