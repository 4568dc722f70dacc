#include "output/flow_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>

#include "output/printable.h"
#include "output/units.h"
#include "record/ip_protocol.h"

namespace weir {
namespace {

constexpr std::size_t kHeadings = 2;
constexpr std::size_t kMinNameColumns = 9;
constexpr std::size_t kTypeColumns = 8;
constexpr std::size_t kRateColumns = 16, kTotalColumns = 18;  // with the space before
// Both ends get what is left of a line, but not less: so 80 columns do, without VLANs.
constexpr std::size_t kMinEndColumns = 19;
// Of an end that is cut, what stays behind the gap: a port.
constexpr std::size_t kTail = 7;

bool is_busier(const FlowSample& a, const FlowSample& b) {
  const auto rank = [](const FlowSample& flow) {
    return std::tie(flow.in_interval.wire_bytes, flow.total.wire_bytes);
  };
  if (rank(a) != rank(b)) return rank(a) > rank(b);
  // Any order, as long as it is the same each time.
  const auto key = [](const FlowSample& flow) {
    return std::tie(flow.interface_index, flow.source, flow.destination, flow.protocol,
                    flow.direction, flow.vlan, flow.ether_type);
  };
  return key(a) < key(b);
}

// What people call it, where the type alone does not say.
std::string type_text(const FlowSample& flow) {
  if (flow.type == TrafficType::kInfiniband) return "ib";
  if (flow.type != TrafficType::kOther) return std::string(traffic_type_name(flow.type));
  if (flow.addresses == FlowAddresses::kNone) {
    if (flow.ether_type == 0x0806) return "arp";
    return fmt::format("0x{:04x}", flow.ether_type);
  }
  return ip_protocol_text(flow.protocol);
}

std::string end_text(const FlowSample& flow, const Endpoint& end) {
  if (flow.addresses == FlowAddresses::kNone) return "-";
  std::string out;
  const bool bracket = end.port != 0 && !end.address.is_v4();
  if (bracket) out += '[';
  append_address(out, end.address);
  if (bracket) out += ']';
  if (end.port != 0) fmt::format_to(std::back_inserter(out), ":{}", end.port);
  return out;
}

// The rest of a line behind its first columns.
struct Line {
  std::string interface;  // printable
  std::size_t interface_columns;
  std::string type, source, destination;
};

Line line_of(const FlowSample& flow) {
  Line line;
  line.interface_columns =
      append_printable(line.interface, flow.interface, std::numeric_limits<std::size_t>::max());
  line.type = type_text(flow);
  line.source = end_text(flow, flow.source);
  line.destination = end_text(flow, flow.destination);
  return line;
}

// ASCII, to `columns`: padded, or without its middle.
std::string fitted(const std::string& text, std::size_t columns) {
  if (text.size() <= columns) return fmt::format("{:<{}}", text, columns);
  return text.substr(0, columns - kTail - 1) + "…" + text.substr(text.size() - kTail);
}

double per_second(std::uint64_t count, Nanos interval) {
  return static_cast<double>(count) * static_cast<double>(kSecond) / static_cast<double>(interval);
}

void append_numbers(std::string& out, const FlowSample& flow, bool totals) {
  std::string packets = "-", bits = "-";
  if (flow.interval_ns > 0) {
    packets = number_text(per_second(flow.in_interval.wire_packets, flow.interval_ns));
    bits = number_text(8 * per_second(flow.in_interval.wire_bytes, flow.interval_ns));
  }
  fmt::format_to(std::back_inserter(out), " {:>7} {:>7}", packets, bits);
  if (!totals) return;
  fmt::format_to(std::back_inserter(out), " {:>8} {:>8}",
                 number_text(static_cast<double>(flow.total.wire_packets)),
                 bytes_text(flow.total.wire_bytes));
}

struct Columns {
  std::size_t name = kMinNameColumns, source = 6, destination = 11, vlan = 0;
  bool totals = true;
};

Columns columns_of(const std::vector<FlowSample>& flows, const std::vector<Line>& lines,
                   std::size_t room) {
  Columns columns;
  for (const Line& line : lines) {
    columns.name = std::max(columns.name, line.interface_columns);
    columns.source = std::max(columns.source, line.source.size());
    columns.destination = std::max(columns.destination, line.destination.size());
  }
  for (const FlowSample& flow : flows) {
    if (flow.vlan) columns.vlan = 5;
  }
  if (room == 0) return columns;
  std::size_t others =
      columns.name + 5 + kTypeColumns + 4 + columns.vlan + kRateColumns + kTotalColumns;
  // A terminal of 80 columns holds the rates alone.
  columns.totals = room >= others + 2 * kMinEndColumns;
  if (!columns.totals) others -= kTotalColumns;
  const std::size_t half = room > others ? (room - others) / 2 : 0;
  // What one end does not need is the other's.
  const auto limit = [&](std::size_t other) {
    return std::max(kMinEndColumns, 2 * half - std::min(half, other));
  };
  const std::size_t source = std::min(columns.source, limit(columns.destination));
  columns.destination = std::min(columns.destination, limit(columns.source));
  columns.source = source;
  return columns;
}

std::string headings(const std::vector<FlowSample>& flows, const Columns& columns) {
  const std::size_t before =
      columns.name + 5 + kTypeColumns + 1 + columns.source + 3 + columns.destination + columns.vlan;
  std::string out = fmt::format("{:<{}} {:^15}",
                                flows.empty() ? "" : clock_text(flows.front().time), before, "now");
  if (columns.totals) out += fmt::format(" {:^17}", "in all");
  out += '\n';
  out +=
      fmt::format("{:<{}} {:<3} {:<{}} {:<{}}   {:<{}}", "INTERFACE", columns.name, "DIR", "TYPE",
                  kTypeColumns, "SOURCE", columns.source, "DESTINATION", columns.destination);
  if (columns.vlan > 0) out += " VLAN";
  out += fmt::format(" {:>7} {:>7}", "PKT/S", "BIT/S");
  if (columns.totals) out += fmt::format(" {:>8} {:>8}", "PACKETS", "BYTES");
  out += '\n';
  return out;
}

void append_line(std::string& out, const FlowSample& flow, const Line& line,
                 const Columns& columns) {
  out += line.interface;
  out.append(columns.name - line.interface_columns, ' ');
  out += fmt::format(" {:<3} {:<{}} {} → {}",
                     flow.direction == TrafficDirection::kIngress ? "in" : "out", line.type,
                     kTypeColumns, fitted(line.source, columns.source),
                     fitted(line.destination, columns.destination));
  if (columns.vlan > 0) out += fmt::format(" {:>4}", flow.vlan ? std::to_string(*flow.vlan) : "");
  append_numbers(out, flow, columns.totals);
  out += '\n';
}

// Empty where there is nothing to tell.
std::string last_line(const FlowsUntold& untold) {
  std::string out;
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : "; ") + part; };
  if (untold.flows > 0) add(fmt::format("... and {} less busy", untold.flows));
  if (untold.idle_flows > 0) add(fmt::format("{} idle", untold.idle_flows));
  if (untold.lost_frames > 0) {
    add(fmt::format("{} frames of flows that could not be kept", untold.lost_frames));
  }
  if (!out.empty()) out += '\n';
  return out;
}

// How many flows the room holds.
std::size_t fit(std::size_t flows, const FlowsUntold& untold, std::size_t rows) {
  if (rows == 0) return flows;
  // The cursor has the last row, and the last line one before it.
  const bool all_fit = kHeadings + flows + (last_line(untold).empty() ? 0 : 1) < rows;
  if (all_fit) return flows;
  return rows > kHeadings + 3 ? rows - kHeadings - 2 : 1;
}

}  // namespace

std::size_t busiest(std::vector<FlowSample>& flows, std::size_t count) {
  const std::size_t kept = std::min(count, flows.size());
  std::partial_sort(flows.begin(), flows.begin() + static_cast<std::ptrdiff_t>(kept), flows.end(),
                    is_busier);
  const std::size_t left_out = flows.size() - kept;
  flows.resize(kept);
  return left_out;
}

std::string render_flow_table(std::vector<FlowSample> flows, const FlowsUntold& untold, Room room) {
  FlowsUntold rest = untold;
  rest.flows += busiest(flows, fit(flows.size(), untold, room.rows));
  std::vector<Line> lines;
  for (const FlowSample& flow : flows) lines.push_back(line_of(flow));
  const Columns columns = columns_of(flows, lines, room.columns);
  std::string out = headings(flows, columns);
  for (std::size_t i = 0; i < flows.size(); ++i) append_line(out, flows[i], lines[i], columns);
  if (flows.empty()) out += untold.idle_flows > 0 ? "(nothing now)\n" : "(no flow yet)\n";
  out += last_line(rest);
  return cut_lines(out, room.columns);
}

}  // namespace weir
