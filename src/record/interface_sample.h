// InterfaceSample: what has crossed a network interface, as docs/records.md describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "record/device_statistics.h"

namespace weir {

// Of one direction. Frames and bytes are those of the kernel's packet buffers, which is what
// software devices count in /proc/net/dev: a TCP super packet is one frame. Wire packets and bytes
// are what it becomes on the wire, each segment with headers of its own.
struct TrafficCounts {
  std::uint64_t frames = 0, bytes = 0, wire_packets = 0, wire_bytes = 0;
};

// The same per second.
struct TrafficRates {
  double frames = 0, bytes = 0, wire_packets = 0, wire_bytes = 0;
};

struct InterfaceSample {
  Nanos time = 0;
  Nanos interval_ns = 0;  // that the rates are of; 0 where there is none yet, then rates are 0
  std::uint32_t index = 0;
  std::string name;
  std::string state;  // up, no-carrier, down
  // Since weir began to count this interface.
  TrafficCounts ingress, egress;
  TrafficRates ingress_rate, egress_rate;
  bool active = false;       // more than 0.1 frames/s in either direction during the interval
  bool ever_active = false;  // in any interval since counting began
  // What the kernel and the driver count themselves; not in every sample.
  std::optional<DeviceStatistics> device;
  // Packets that the queue in front of the device has dropped since it was made; not in every
  // sample.
  std::optional<std::uint64_t> queue_dropped;
};

}  // namespace weir
