// DropCounters: drops that the kernel, devices and drivers of this network namespace only count.
// Some are of packets that were freed with a reason, too. Needs no privilege; for one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kernel/ethtool_statistics.h"

namespace weir {

class DropCounters {
 public:
  static Result<DropCounters> open();

  // `interface` is empty where it is none's. A name is nstat's, ethtool's, or that of the device's
  // statistics; views are valid during the call.
  using Counter =
      std::function<void(std::string_view name, std::string_view interface, std::uint64_t value)>;
  // As they stand since the machine, or the interface, began.
  Result<> read(const Counter& visit);

 private:
  explicit DropCounters(EthtoolStatistics drivers) : drivers_(std::move(drivers)) {}

  EthtoolStatistics drivers_;
};

// /proc/net/netstat: of its pairs of lines, what TCP turned away or threw away.
void parse_netstat_drops(std::string_view text, const DropCounters::Counter& visit);
// /proc/net/softnet_stat: a line for each processor.
std::uint64_t parse_softnet_drops(std::string_view text);
// A driver's name for something that was dropped, as drivers choose them.
bool names_drops(std::string_view driver_name);

}  // namespace weir
