// The drop-in netprobe-agent at work: counts interfaces and serves their pages until SIGINT or
// SIGTERM.
#pragma once

#include "agent/netprobe_settings.h"
#include "base/result.h"

namespace weir {

// Blocks. An error is in the words that the predecessor documents.
Result<> run_netprobe(const NetprobeSettings& settings);

}  // namespace weir
