// What it costs to learn what flows have carried since the last time, by weir's tables and by a
// hash map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace weir {

struct FlowCycles {
  std::uint32_t flows = 0;
  std::size_t slots = 0;  // of weir's tables, each of which is looked at
  // CPU time of a cycle over all flows, nanoseconds, by round.
  std::vector<double> changed;  // weir; every flow has changed
  std::vector<double> idle;     // weir; none has
  std::vector<double> loop;     // a per-CPU hash, a call for each key and each value
};

// Programs count on the processor that the thread is on. An error where not every packet of
// every flow is found.
Result<FlowCycles> measure_flow_cycles(std::uint32_t flows, int rounds);

}  // namespace weir
