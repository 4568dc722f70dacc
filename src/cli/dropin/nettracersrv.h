// The command line of NetTracer: its options, or a file of them (--args_file), become
// NettracerSettings.
#pragma once

#include <string>
#include <vector>

#include "agent/nettracer_settings.h"
#include "base/result.h"

namespace weir {

struct NettracerCommand {
  NettracerSettings settings;
  // What --help or --version print, instead of a run.
  std::string text;
  // Takes the place of all other options; empty: there is none.
  std::string arguments_file;
};

// Without the program's name.
Result<NettracerCommand> parse_nettracersrv(const std::vector<std::string>& arguments);

// Lines `long_option=value` as a command line; # begins a comment.
Result<std::vector<std::string>> nettracer_arguments(const std::string& path);

// The exit status, as the predecessor has it: 0 done, 1 not understood or without the capabilities,
// 2 failed, 5 the log directory is none.
int run_nettracersrv(const std::vector<std::string>& arguments);

}  // namespace weir
