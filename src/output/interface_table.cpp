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
  fmt::format_to(std::back_inserter(out), " {:>9} {:>8} {:>8}", number_text(rates.wire_packets),
                 number_text(rates.wire_bytes * 8), bytes_text(counts.wire_bytes));
}

}  // namespace

std::string render_interface_table(const std::vector<InterfaceSample>& samples) {
  std::size_t columns = kMinNameColumns;
  for (const auto& sample : samples) columns = std::max(columns, sample.name.size());
  std::string out = fmt::format("{:<{}} {:^26} {:^26}\n", "", columns + 11, "in", "out");
  out += fmt::format("{:<{}} {:<10} {:>9} {:>8} {:>8} {:>9} {:>8} {:>8}\n", "INTERFACE", columns,
                     "STATE", "PACKETS/S", "BIT/S", "TOTAL", "PACKETS/S", "BIT/S", "TOTAL");
  for (const auto& sample : samples) {
    const std::size_t used = append_printable(out, sample.name, columns);
    fmt::format_to(std::back_inserter(out), "{:{}} {:<10}", "", columns - used, sample.state);
    append_direction(out, sample.ingress, sample.ingress_rate);
    append_direction(out, sample.egress, sample.egress_rate);
    out += '\n';
  }
  return out;
}

}  // namespace weir
