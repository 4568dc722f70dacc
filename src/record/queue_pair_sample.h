// QueuePairSample: what the RDMA traffic to one queue pair has said of itself, as docs/records.md
// describes it. RoCE only: hardware that offloads RDMA passes the host's stack by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "record/address.h"
#include "record/flow_sample.h"

namespace weir {

inline constexpr std::size_t kRoceOperations = 32;

// Since the queue pair was first seen, or of several together.
struct RoceCounts {
  std::uint64_t packets = 0, bytes = 0;
  std::array<std::uint64_t, kRoceOperations> operations{};  // by the opcode's lower five bits
  std::uint64_t congestion_notifications = 0;               // CNP; not among the operations
  std::uint64_t congestion_marked = 0;                      // ECN: congestion experienced
  // Of the packet sequence numbers: how often some were passed over, how many those were, and how
  // many packets were behind what had come before. Reliable and unreliable connections only.
  std::uint64_t gaps = 0, missing = 0, repeated = 0;
  // Numbers so far off that they are another connection's, with a queue pair of the same number.
  std::uint64_t restarts = 0;
  std::uint64_t negative_acknowledges = 0, receiver_not_ready = 0;

  RoceCounts& operator+=(const RoceCounts& other);
  friend RoceCounts operator-(const RoceCounts& a, const RoceCounts& b);
};

struct QueuePairSample {
  Nanos time = 0;
  Nanos interval_ns = 0;  // since the sample before
  std::uint32_t interface_index = 0;
  std::string_view interface;  // its name; valid during the call
  TrafficDirection direction = TrafficDirection::kIngress;
  TrafficType type = TrafficType::kRoceV2;
  IpAddress source, destination;  // GIDs where the type is kRoceV1
  std::uint32_t queue_pair = 0;   // the destination's
  std::uint8_t transports = 0;    // a bit for each that was seen: the opcode's upper three bits
  RoceCounts total;
  RoceCounts in_interval;  // of it, what came since the sample before
  Nanos last_seen = 0;     // as exact as they are read: once an interval
};

// As the InfiniBand Architecture Specification names it (vol. 1, 9.2.1), in the style of the
// other names: rdma_write_first. Empty for a number that means nothing.
std::string_view roce_operation_name(std::size_t operation);
// rc, uc, rd, ud, xrc; empty for a number that means nothing.
std::string_view roce_transport_name(std::size_t transport);

}  // namespace weir
