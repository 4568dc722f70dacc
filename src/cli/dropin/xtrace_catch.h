// The command line of XTrace-Catch: its flags and its environment become XtraceSettings. Flags win
// over the environment (NETWORK_INTERFACE, then INTERFACE).
#pragma once

#include <string>
#include <vector>

#include "agent/xtrace_settings.h"
#include "kernel/interface.h"

namespace weir {

struct XtraceCommand {
  XtraceSettings settings;
  // What will not be as it was asked for; a line each.
  std::vector<std::string> warnings;
  // For stderr, instead of a run (--help, --list, what was not understood): with this exit status,
  // as the predecessor has it.
  std::string text;
  int status = 0;
};

// Without the program's name. `existing`: this host's interfaces; each that is asked for has to be
// among them.
XtraceCommand parse_xtrace_catch(const std::vector<std::string>& arguments,
                                 const std::vector<Interface>& existing);

int run_xtrace_catch(const std::vector<std::string>& arguments);

}  // namespace weir
