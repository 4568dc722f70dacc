// The command line of NetProbe Agent: its flags and its environment become NetprobeSettings. Flags
// win over the environment (METRICS_PORT, COLLECT_INTERVAL, INTERFACE_FILTER, ACTIVE_ONLY, DEBUG,
// ATTACH_INTERFACE).
#pragma once

#include <string>
#include <vector>

#include "agent/netprobe_settings.h"
#include "base/result.h"

namespace weir {

struct NetprobeCommand {
  NetprobeSettings settings;
  std::string text;  // what --help or --version print, instead of a run
};

// Without the program's name.
Result<NetprobeCommand> parse_netprobe_agent(const std::vector<std::string>& arguments);

// The exit status: 0 done, 1 failed or not understood, as the predecessor has it.
int run_netprobe_agent(const std::vector<std::string>& arguments);

}  // namespace weir
