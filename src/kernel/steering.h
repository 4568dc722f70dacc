// The steering program: spreads packets over capture workers by the innermost addresses and ports,
// both directions of a connection to the same worker.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace weir {

// Loads it; for PACKET_FANOUT_DATA of a PACKET_FANOUT_EBPF group. The group keeps the program, so
// the descriptor may be closed after that. Needs Linux 5.3 and CAP_BPF.
Result<Fd> load_steering_program();

}  // namespace weir
