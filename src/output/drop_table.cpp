#include "output/drop_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>

#include "output/printable.h"
#include "output/units.h"

namespace weir {
namespace {

constexpr std::size_t kHeadings = 1;

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text, std::numeric_limits<std::size_t>::max());
  return out.empty() ? "-" : out;
}

std::string end_text(const Endpoint& end) {
  std::string out;
  const bool bracket = !end.address.is_v4() && end.port != 0;
  if (bracket) out += '[';
  append_address(out, end.address);
  if (bracket) out += ']';
  if (end.port != 0) fmt::format_to(std::back_inserter(out), ":{}", end.port);
  return out;
}

std::string flow_text(const Drop& drop) {
  std::string out = drop_protocol_text(drop);
  if (drop.icmp) {
    fmt::format_to(std::back_inserter(out), " {}/{}", drop.icmp->first, drop.icmp->second);
  }
  if (drop.addresses != FlowAddresses::kNone) {
    fmt::format_to(std::back_inserter(out), " {} → {}", end_text(drop.from), end_text(drop.to));
  }
  if (drop.vlan) fmt::format_to(std::back_inserter(out), " vlan {}", *drop.vlan);
  if (drop.in_tunnel) out += " in a tunnel";
  return out.empty() ? "-" : out;
}

}  // namespace

void DropTable::add(const DropSample& sample) {
  const Drop& drop = sample.drop;
  Row row{sample.packets,
          1,
          printable(drop.reason),
          printable(drop.function),
          printable(drop.interface),
          by_reason_ ? "" : flow_text(drop)};
  if (by_reason_) {
    for (Row& other : rows_) {
      if (std::tie(other.reason, other.function, other.interface) !=
          std::tie(row.reason, row.function, row.interface)) {
        continue;
      }
      other.packets += row.packets;
      ++other.flows;
      return;
    }
  }
  rows_.push_back(std::move(row));
}

std::string DropTable::render(Nanos time, std::size_t most, Room room) {
  std::stable_sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) {
    if (a.packets != b.packets) return a.packets > b.packets;
    return std::tie(a.reason, a.function, a.interface, a.flow) <
           std::tie(b.reason, b.function, b.interface, b.flow);
  });
  const std::size_t all = rows_.size();
  if (most > 0) rows_.resize(std::min(rows_.size(), most));
  if (room.rows > kHeadings + 2) rows_.resize(std::min(rows_.size(), room.rows - kHeadings - 2));
  std::size_t reason = 6, function = 8, interface = 9;
  for (const Row& row : rows_) {
    reason = std::max(reason, row.reason.size());
    function = std::max(function, row.function.size());
    interface = std::max(interface, row.interface.size());
  }
  std::string out = fmt::format("{} {:>9} {:<{}} {:<{}} {:<{}} {}\n", clock_text(time), "PACKETS",
                                "REASON", reason, "FUNCTION", function, "INTERFACE", interface,
                                by_reason_ ? "FLOWS" : "PACKET");
  for (const Row& row : rows_) {
    out += fmt::format("{:>18} {:<{}} {:<{}} {:<{}} {}\n", row.packets, row.reason, reason,
                       row.function, function, row.interface, interface,
                       by_reason_ ? std::to_string(row.flows) : row.flow);
  }
  if (rows_.empty()) out += "(no drop)\n";
  if (rows_.size() < all) out += fmt::format("... and {} with less\n", all - rows_.size());
  rows_.clear();
  return cut_lines(out, room.columns);
}

void append_drop_text(std::string& out, const DropEvent& event) {
  const Drop& drop = event.drop;
  fmt::format_to(std::back_inserter(out), "{} {} {} {} {}, {} B", clock_text(event.time),
                 printable(drop.reason), printable(drop.function), printable(drop.interface),
                 flow_text(drop), event.length);
}

}  // namespace weir
