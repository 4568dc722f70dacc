// NetProbe Agent's pages: the same metrics, health report and start page as that tool documents
// (docs/migration-netprobe.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "record/interface_sample.h"

namespace weir {

struct NetprobeReadings {
  std::vector<InterfaceSample> interfaces;
  std::uint64_t collections = 0;
  Nanos last_collection = 0;  // wall clock
};

// The families netprobe_*, with a blank line between one and the next. `active_only` leaves out
// interfaces that have never been active; one that has been stays, so that its counters do not come
// and go. Before the first collection there is netprobe_up alone.
void append_netprobe_families(std::string& out, const NetprobeReadings& readings, bool active_only);

struct NetprobeHealth {
  Nanos now = 0;              // wall clock
  Nanos age = 0;              // since the last collection, or since the start while there is none
  Nanos interval = 0;         // between collections
  Nanos last_collection = 0;  // wall clock; 0: none yet
  std::uint16_t port = 0;
  std::uint64_t requests = 0;  // for the metrics
  std::uint64_t series = 0;    // on the metrics page now
  std::uint64_t collections = 0;

  // The last collection is older than 30 s, and older than three intervals.
  bool stale() const;
};

std::string render_netprobe_health(const NetprobeHealth& health);

// How many lines of a metrics page are values.
std::uint64_t count_series(std::string_view page);

// The page at "/".
std::string render_netprobe_root(std::string_view metrics_path, std::uint16_t port);

}  // namespace weir
