// FlowTotals: what the flows lens has counted in all, as of its last tick.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "record/flow_sample.h"
#include "record/queue_pair_sample.h"

namespace weir {

// Of one interface and direction.
struct FlowTypeTotal {
  std::string interface;
  TrafficDirection direction = TrafficDirection::kIngress;
  TrafficType type = TrafficType::kOther;
  TrafficCounts counted;   // asked for, whether its flows were kept or not
  TrafficCounts filtered;  // not asked for
};

struct RoceTotal {
  std::string interface;
  TrafficDirection direction = TrafficDirection::kIngress;
  RoceCounts counts;
};

struct FlowTotals {
  std::vector<FlowTypeTotal> types;
  std::vector<RoceTotal> roce;
  std::size_t flows = 0;  // that are kept now
  std::size_t queue_pairs = 0;
  // Frames: seen = kept + filtered + full + beyond.
  std::uint64_t seen = 0, kept = 0, filtered = 0;
  std::uint64_t full = 0;            // new flows while too many left the kernel's table at once
  std::uint64_t beyond = 0;          // new flows beyond the most that are kept
  std::uint64_t untracked_roce = 0;  // packets whose queue pair found no room
};

}  // namespace weir
