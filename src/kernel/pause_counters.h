// PauseCounters: how often, and for how long, an interface was told to stop sending or told the
// other end to: pause frames of the whole link, and of single priorities (PFC).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "kernel/pause_name.h"
#include "record/device_statistics.h"

namespace weir {

struct PauseCounters {
  struct Count {
    std::optional<std::uint64_t> frames, microseconds;  // absent where nobody counts them
  };
  // By PauseName::priority: 0 to 7, kPlain, kAll (only where there is nothing by priority).
  using Direction = std::array<Count, 10>;

  std::uint32_t interface_index = 0;
  Direction ingress{}, egress{};

  bool empty() const;  // nothing is counted
};

struct NamedStatistic {
  std::string_view name;
  std::uint64_t value;
};

// What a driver's own statistics say about pauses; where two names say the same, the first.
void add_driver_pauses(PauseCounters& pauses, std::span<const NamedStatistic> statistics);

// The payload of the answer to RTM_GETDCB, DCB_CMD_IEEE_GET. For a driver that has told nothing by
// priority itself.
void add_dcb_pauses(PauseCounters& pauses, Bytes payload);

// Of those devices that count pauses: only hardware does. Asks ethtool, then DCB; a driver that
// knows neither is passed over in silence. Needs no privilege.
Result<std::vector<PauseCounters>> read_pause_counters(std::span<const DeviceStatistics> devices);

}  // namespace weir
