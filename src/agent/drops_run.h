// DropsRun: the drops lens from start to end: its clock, its output, its endpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/output_format.h"
#include "base/result.h"
#include "base/time.h"
#include "lens/drops.h"

namespace weir {

// Which drops are shown; what is empty chooses nothing.
struct DropChoice {
  std::vector<std::string> interfaces;
  std::vector<std::string> reasons;
  std::vector<std::uint32_t> network_namespaces;  // inodes

  bool takes(const Drop& drop) const;
};

// The defaults are the manual.
struct DropsSettings {
  DropsOptions drops;
  DropChoice choice;
  OutputFormat output = OutputFormat::kText;
  // Lines of single packets in the place of what each flow lost.
  bool events = false;
  // Only the reasons and places that dropped most, so many of each interval, in the place of flows;
  // 0 = flows. Of text only.
  std::size_t top = 0;
  // Between samples. The first comes after a second at most.
  Nanos interval = 5 * kSecond;
  // ADDRESS:PORT of GET /metrics; empty = none.
  std::string listen;
  // Ends after this time; 0 = never.
  Nanos duration = 0;
  // Ends after this many intervals; 0 = never.
  std::uint64_t count = 0;
};

// Until a signal or a limit ends it.
Result<> run_drops(const DropsSettings& settings);

}  // namespace weir
