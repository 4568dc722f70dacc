// FlowsRun: the flows lens from start to end: its clock, its output, its endpoint, its push.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/output_format.h"
#include "base/result.h"
#include "base/time.h"
#include "lens/flows.h"
#include "output/dropin/xtrace.h"
#include "output/push_settings.h"

namespace weir {

// The defaults are the manual.
struct FlowsSettings {
  FlowsOptions flows;
  OutputFormat output = OutputFormat::kText;
  // The table is of RDMA queue pairs, not of flows.
  bool queue_pairs = false;
  // XTrace-Catch's lines in the place of the table.
  std::optional<XtraceForm> xtrace_lines;
  // Between samples. The first comes after a second at most.
  Nanos interval = 5 * kSecond;
  // Only so many of the busiest flows of each interval; 0 = all.
  std::size_t top = 0;
  // ADDRESS:PORT of GET /metrics; empty = none.
  std::string listen;
  // Where to push a series for each flow to; nowhere where its URL is empty.
  PushSettings push;
  // Labels of these series: the host's address, in the place of the interface's own where it is not
  // empty, and what the host belongs to.
  std::string host_ip, collect_agg = "default";
  // Ends after this time; 0 = never.
  Nanos duration = 0;
  // Ends after this many intervals; 0 = never.
  std::uint64_t count = 0;
};

// Until a signal or a limit ends it.
Result<> run_flows(const FlowsSettings& settings);

}  // namespace weir
