#include "output/interface_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "output/printable.h"
#include "output/units.h"

namespace weir {
namespace {

constexpr std::size_t kMinNameColumns = 12;
constexpr std::size_t kHeadings = 2;

void append_direction(std::string& out, const TrafficCounts& counts, const TrafficRates& rates) {
  fmt::format_to(std::back_inserter(out), " {:>7} {:>7} {:>8}", number_text(rates.wire_packets),
                 number_text(rates.wire_bytes * 8), bytes_text(counts.wire_bytes));
}

std::uint64_t lost_of(const InterfaceSample& sample) {
  const DeviceStatistics device = sample.device.value_or(DeviceStatistics{});
  return sample.queue_dropped.value_or(0) + device.rx_dropped + device.tx_dropped +
         device.rx_missed_errors + device.rx_errors + device.tx_errors;
}

double busy(const InterfaceSample& sample) {
  return sample.ingress_rate.wire_bytes + sample.egress_rate.wire_bytes;
}

// Leaves the busiest of them, in their order, where there are more than fit. How many are left out.
std::size_t fit(std::vector<InterfaceSample>& samples, Room room) {
  if (room.rows == 0 || samples.size() + kHeadings < room.rows) return 0;
  // One line says how many are left out, and the cursor has the last.
  const std::size_t shown = room.rows > kHeadings + 3 ? room.rows - kHeadings - 2 : 1;
  const std::size_t left_out = samples.size() - shown;
  std::stable_sort(samples.begin(), samples.end(),
                   [](const auto& a, const auto& b) { return busy(a) > busy(b); });
  samples.resize(shown);
  std::sort(samples.begin(), samples.end(),
            [](const auto& a, const auto& b) { return a.index < b.index; });
  return left_out;
}

}  // namespace

void InterfaceTable::begin(const std::vector<InterfaceSample>& samples) {
  lost_.clear();
  for (const auto& sample : samples) lost_[sample.index] = lost_of(sample);
}

std::string InterfaceTable::drops_of(const InterfaceSample& sample) const {
  const auto before = lost_.find(sample.index);
  if (!sample.device || before == lost_.end() || sample.interval_ns <= 0) return "-";
  const std::uint64_t lost = lost_of(sample) - std::min(lost_of(sample), before->second);
  return number_text(static_cast<double>(lost) * static_cast<double>(kSecond) /
                     static_cast<double>(sample.interval_ns));
}

std::string InterfaceTable::render(std::vector<InterfaceSample> samples, Room room) {
  const std::string clock = samples.empty() ? "" : clock_text(samples.front().time);
  const std::vector<InterfaceSample> all = samples;
  const std::size_t left_out = fit(samples, room);
  std::size_t columns = kMinNameColumns;
  for (const auto& sample : samples) columns = std::max(columns, sample.name.size());
  std::string out = fmt::format("{:<{}} {:^24} {:^24}\n", clock, columns, "in", "out");
  out += fmt::format("{:<{}} {:>7} {:>7} {:>8} {:>7} {:>7} {:>8} {:>7} STATE\n", "INTERFACE",
                     columns, "PKT/S", "BIT/S", "TOTAL", "PKT/S", "BIT/S", "TOTAL", "DROP/S");
  for (const auto& sample : samples) {
    const std::size_t used = append_printable(out, sample.name, columns);
    out.append(columns - used, ' ');
    append_direction(out, sample.ingress, sample.ingress_rate);
    append_direction(out, sample.egress, sample.egress_rate);
    fmt::format_to(std::back_inserter(out), " {:>7} {}\n", drops_of(sample), sample.state);
  }
  if (all.empty()) out += "(no interface to show yet)\n";
  if (left_out > 0) out += fmt::format("... and {} less busy ones\n", left_out);
  begin(all);
  return cut_lines(out, room.columns);
}

}  // namespace weir
