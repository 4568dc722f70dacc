#include "output/interface_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "output/printable.h"
#include "output/units.h"

namespace weir {
namespace {

constexpr std::size_t kMinNameColumns = 12;

void append_direction(std::string& out, const TrafficCounts& counts, const TrafficRates& rates) {
  fmt::format_to(std::back_inserter(out), " {:>7} {:>7} {:>8}", number_text(rates.wire_packets),
                 number_text(rates.wire_bytes * 8), bytes_text(counts.wire_bytes));
}

std::uint64_t bad_of(const DeviceStatistics& device) {
  return device.rx_dropped + device.tx_dropped + device.rx_missed_errors + device.rx_errors +
         device.tx_errors;
}

}  // namespace

std::string InterfaceTable::render(const std::vector<InterfaceSample>& samples) {
  std::size_t columns = kMinNameColumns;
  for (const auto& sample : samples) columns = std::max(columns, sample.name.size());
  std::string out = fmt::format("{:<{}} {:^24} {:^24}\n", "", columns, "in", "out");
  out += fmt::format("{:<{}} {:>7} {:>7} {:>8} {:>7} {:>7} {:>8} {:>7} STATE\n", "INTERFACE",
                     columns, "PKT/S", "BIT/S", "TOTAL", "PKT/S", "BIT/S", "TOTAL", "DROP/S");
  std::map<std::uint32_t, std::uint64_t> bad_now;
  for (const auto& sample : samples) {
    const std::size_t used = append_printable(out, sample.name, columns);
    out.append(columns - used, ' ');
    append_direction(out, sample.ingress, sample.ingress_rate);
    append_direction(out, sample.egress, sample.egress_rate);
    std::string drops = "-";
    if (sample.device) {
      const std::uint64_t bad = bad_now[sample.index] = bad_of(*sample.device);
      const auto before = bad_.find(sample.index);
      if (before != bad_.end() && sample.interval_ns > 0) {
        drops = number_text(static_cast<double>(bad - std::min(bad, before->second)) *
                            static_cast<double>(kSecond) / static_cast<double>(sample.interval_ns));
      }
    }
    fmt::format_to(std::back_inserter(out), " {:>7} {}\n", drops, sample.state);
  }
  bad_ = std::move(bad_now);
  return out;
}

}  // namespace weir
