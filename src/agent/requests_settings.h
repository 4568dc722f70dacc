// RequestsSettings: what `weir requests` is asked to do. The defaults are the manual.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/output_format.h"
#include "base/time.h"
#include "packet/capture_group.h"

namespace weir {

struct RequestsSettings {
  // Capture files to read instead of the network; "-" is standard input.
  std::vector<std::string> files;
  // Live capture: names or globs; none = all interfaces.
  std::vector<std::string> interfaces;
  // pcap-filter(7) expression; live it is applied by the kernel.
  std::string filter;
  // Conditions on records, all of which must hold (docs/records.md).
  std::vector<std::string> where;
  OutputFormat output = OutputFormat::kText;
  // Totals per protocol and the ledger at the end.
  bool summary = false;
  // The same every interval, with the top requests.
  bool stats = false;
  Nanos interval = 5 * kSecond;
  // 'PROTOCOL;PORT[,PORT][;HOST]': taken for that protocol without looking.
  std::vector<std::string> forced;
  // ADDRESS:PORT of GET /metrics; empty = none.
  std::string listen;
  // Live: ends after this time; 0 = never.
  Nanos duration = 0;
  // Ends after this many records; 0 = never.
  std::uint64_t count = 0;
  // Show query literals (Redis arguments) instead of '?'.
  bool raw_queries = false;
  bool promiscuous = false;
  // Look into VXLAN, Geneve, GRE and IPIP. In files always, unless told not to; live only when
  // asked.
  bool decapsulate = false;
  // Copy from the kernel only what is needed; else whole packets.
  bool copy_needed = true;
  // Capture threads; 0 = chosen from the processors.
  unsigned workers = 0;
  // Of each worker's capture ring.
  std::uint64_t ring_bytes = CaptureRing::kDefaultBytes;
};

}  // namespace weir
