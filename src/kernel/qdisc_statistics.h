// QdiscStatistics: what a queueing discipline of an interface has sent, dropped and holds back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace weir {

struct QdiscStatistics {
  std::uint32_t interface_index = 0;
  std::string kind;    // fq_codel, tbf, noqueue, ...
  std::string handle;  // as tc writes it: 8001:
  std::string parent;  // root, 1:2, ffff:fff1, :1 (below a queue of mq)

  // Since it was attached; the kernel keeps the last three in 32 bits, they wrap.
  std::uint64_t bytes = 0, packets = 0;
  std::uint32_t dropped = 0, overlimits = 0, requeues = 0;
  std::uint32_t backlog_bytes = 0, backlog_packets = 0;  // now
};

// The payload of an RTM_NEWQDISC message; nothing when it is cut short or tells no kind. What is
// not told is 0.
std::optional<QdiscStatistics> parse_qdisc_statistics(Bytes payload);

// All that `tc qdisc show` shows in this network namespace, in the kernel's order; one dump. Needs
// no privilege.
Result<std::vector<QdiscStatistics>> read_qdisc_statistics();

}  // namespace weir
