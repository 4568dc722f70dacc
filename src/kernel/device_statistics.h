// Reads the DeviceStatistics of this network namespace by routing netlink. Needs no privilege.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "record/device_statistics.h"

namespace weir {

// The payload of an RTM_NEWLINK message. Nothing for one that is not about the interface itself,
// has no statistics, or is cut short.
std::optional<DeviceStatistics> parse_device_statistics(Bytes payload);

// Of all interfaces, by index; one dump.
Result<std::vector<DeviceStatistics>> read_device_statistics();

}  // namespace weir
