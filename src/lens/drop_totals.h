// DropTotals: what the drops lens has counted in all, as of its last tick.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record/drop.h"

namespace weir {

// A series: what has the same source, reason, function and interface. The last one, without any of
// them, has what is beyond the most that are kept.
struct DropTotal {
  DropSource source = DropSource::kKernel;
  std::string reason, function, interface;
  std::uint64_t packets = 0;
};

struct DropTotals {
  std::vector<DropTotal> series;
  std::uint64_t beyond = 0;  // packets of series that could not be kept
  // Packets that the kernel said it dropped: seen = kept + noise + local + lost + missed + pending.
  std::uint64_t seen = 0;
  std::uint64_t kept = 0;    // told: with their flow, or by reason and place alone
  std::uint64_t folded = 0;  // of kept, those without their flow
  std::uint64_t noise = 0;   // of reasons that are not told
  std::uint64_t local = 0;   // of Unix and netlink sockets
  std::uint64_t lost = 0;    // no room in any table
  std::uint64_t missed = 0;  // while the program was seeing another one on that processor
  // Single packets.
  std::uint64_t events = 0, events_limited = 0, events_lost = 0;
};

}  // namespace weir
