// NetprobeSettings: what the drop-in netprobe-agent is asked to do. The defaults are that tool's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace weir {

struct NetprobeSettings {
  // Of the pages, on all addresses; 0: the system chooses one.
  std::uint16_t port = 8081;
  // Of the metrics; /health, /healthz and / are fixed.
  std::string path = "/metrics";
  // Between collections.
  Nanos interval = 5 * kSecond;
  // Names of the interfaces to show; none = all. One that does not exist is waited for.
  std::vector<std::string> interface_filter;
  // Leave out interfaces that have never been active.
  bool active_only = false;
  // Log every request, and the state each 30 s.
  bool debug = false;
  // Count this interface alone; empty = all that are shown.
  std::string attach_interface;
};

}  // namespace weir
