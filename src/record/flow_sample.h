// FlowSample: what one flow has carried, as docs/records.md describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "record/address.h"
#include "record/interface_sample.h"

namespace weir {

// Seen from this host's interface.
enum class TrafficDirection : std::uint8_t { kIngress, kEgress };

enum class TrafficType : std::uint8_t { kOther, kTcp, kUdp, kRoceV2, kRoceV1, kInfiniband };

// How source and destination are to be read.
enum class FlowAddresses : std::uint8_t {
  kNone,  // neither IP nor RoCE v1: both are 0
  kIpv4,
  kIpv6,
  kGid,  // of RoCE v1: IPv6 in form; v4-mapped ones are IPv4 addresses
};

struct FlowSample {
  Nanos time = 0;
  Nanos interval_ns = 0;  // since the sample before, or since the flow was first seen
  std::uint32_t interface_index = 0;
  std::string_view interface;  // its name; valid during the call
  TrafficDirection direction = TrafficDirection::kIngress;
  TrafficType type = TrafficType::kOther;
  FlowAddresses addresses = FlowAddresses::kNone;
  Endpoint source, destination;  // ports 0: the protocol has none, a later fragment, or folded
  std::uint8_t protocol = 0;     // of IP; 0 where addresses are neither kIpv4 nor kIpv6
  std::uint16_t ether_type = 0;  // where addresses are kNone
  std::optional<std::uint16_t> vlan;
  TrafficCounts total;                  // since it was first seen
  TrafficCounts in_interval;            // of it, what came in the interval
  Nanos first_seen = 0, last_seen = 0;  // as exact as flows are read: once an interval
  bool ended = false;                   // was silent for the expiry time: its last sample
};

// Exact text of records.md.
std::string_view direction_name(TrafficDirection direction);
std::string_view traffic_type_name(TrafficType type);

}  // namespace weir
