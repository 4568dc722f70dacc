// InterfacesRun: the interfaces lens from start to end: its clock, its output, its endpoint.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/output_format.h"
#include "base/result.h"
#include "base/time.h"
#include "kernel/tc_attachment.h"

namespace weir {

// The defaults are the manual.
struct InterfacesSettings {
  // Names or globs; none = all interfaces.
  std::vector<std::string> interfaces;
  // How the kernel's hook is taken; by the kernel where it is not said.
  std::optional<TcMode> attach;
  OutputFormat output = OutputFormat::kText;
  // Between samples. The first comes after a second at most.
  Nanos interval = 5 * kSecond;
  // Only interfaces that have carried something since weir began.
  bool active_only = false;
  // ADDRESS:PORT of GET /metrics; empty = none.
  std::string listen;
  // Ends after this time; 0 = never.
  Nanos duration = 0;
  // Ends after this many samples of each interface; 0 = never.
  std::uint64_t count = 0;
};

// Until a signal or a limit ends it.
Result<> run_interfaces(const InterfacesSettings& settings);

}  // namespace weir
