// The drop-in xtrace-catch at work: lines of flows, and their push, until SIGINT or SIGTERM.
#pragma once

#include "agent/xtrace_settings.h"
#include "base/result.h"

namespace weir {

// Blocks.
Result<> run_xtrace(const XtraceSettings& settings);

}  // namespace weir
