// The drop-in nettracersrv at work: its log or its tables, until SIGINT, SIGTERM or the end of who
// reads them.
#pragma once

#include <functional>
#include <string>

#include "agent/nettracer_settings.h"
#include "base/result.h"

namespace weir {

// Where the settings come from; they are read again when a file is renamed to this path, and what
// is known of the connections stays known. An empty path: never.
struct NettracerArguments {
  std::string path;
  std::function<Result<NettracerSettings>()> read;
};

// Blocks.
Result<> run_nettracer(const NettracerSettings& settings, const NettracerArguments& arguments);

}  // namespace weir
