// QueuePairTable: RDMA queue pairs as -o text of the flows lens shows them, for people.
#pragma once

#include <string>
#include <vector>

#include "output/terminal.h"
#include "record/queue_pair_sample.h"

namespace weir {

// Two lines of headings, of which the first has the local time, and one per queue pair: those with
// most trouble in the interval (NOW: gaps, repetitions, NAK and RNR) first, then in all, then the
// busiest. The other counts are those since a queue pair was first seen. What the room does not
// hold is cut: packets and bytes, then addresses. The names in `pairs` are read during the call.
std::string render_queue_pair_table(std::vector<QueuePairSample> pairs, Room room = {});

}  // namespace weir
