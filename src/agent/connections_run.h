// ConnectionsRun: the connections lens from start to end: its clock and its output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/output_format.h"
#include "base/result.h"
#include "base/time.h"
#include "lens/connections.h"
#include "output/push_settings.h"
#include "record/connection.h"

namespace weir {

// Which connections are shown; what is empty chooses nothing.
struct ConnectionChoice {
  std::vector<std::uint32_t> pids;
  std::vector<std::uint32_t> network_namespaces;  // inodes
  std::vector<std::uint16_t> ports;               // of either end
  std::vector<TcpState> states;

  bool takes(const Connection& connection) const;
};

// The defaults are the manual.
struct ConnectionsSettings {
  ConnectionChoice choice;
  OutputFormat output = OutputFormat::kText;
  ConnectionsOptions connections;
  // Serves GET /metrics here: ADDRESS:PORT. Empty: nowhere.
  std::string listen;
  // Where the metrics are pushed to at each interval; nowhere without a URL.
  PushSettings push;
  // Sets of labels of the metrics; what is beyond is counted together.
  std::size_t max_series = 2000;
  // Lines of what happens, as it happens, in the place of a table of what is.
  bool events = false;
  // Between samples. The first comes after a second at most.
  Nanos interval = 5 * kSecond;
  // Ends after this time; 0 = never.
  Nanos duration = 0;
  // Ends after this many intervals; 0 = never.
  std::uint64_t count = 0;
};

// Until a signal or a limit ends it.
Result<> run_connections(const ConnectionsSettings& settings);

}  // namespace weir
