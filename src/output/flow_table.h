// FlowTable: -o text of the flows lens, the busiest flows first, for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "output/terminal.h"
#include "record/flow_sample.h"

namespace weir {

// Leaves the `count` busiest, busiest first: by their bytes of the interval, then of all. How many
// are left out.
std::size_t busiest(std::vector<FlowSample>& flows, std::size_t count);

// What the last line of the table tells beside its flows.
struct FlowsUntold {
  std::uint64_t flows = 0;        // that the caller has left out
  std::uint64_t idle_flows = 0;   // likewise, as nothing came in the interval
  std::uint64_t lost_frames = 0;  // since the start, of flows that could not be kept
};

// Two lines of headings, of which the first has the local time, and one per flow, each with its
// line end; a last line where there is something untold. Rates are those of the interval, totals
// those since the flow was first seen, both of the wire. What the room does not hold is cut: of
// flows the less busy ones, of lines the totals, of addresses the middle. The names in `flows` are
// read during the call.
std::string render_flow_table(std::vector<FlowSample> flows, const FlowsUntold& untold = {},
                              Room room = {});

}  // namespace weir
