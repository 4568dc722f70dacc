// What TCP itself says of the connections a worker has seen: totals since the start, both
// directions together.
#pragma once

#include "base/counter.h"

namespace weir {

struct TcpHealth {
  Counter connections;  // seen from their first SYN, or joined in their middle
  Counter segments;
  Counter retransmitted_segments;  // carrying only bytes seen before
  Counter retransmitted_bytes;
  Counter out_of_order_segments;  // behind a hole
  Counter duplicate_acks;
  Counter zero_windows;  // segments that close the receive window
  Counter resets;
};

}  // namespace weir
