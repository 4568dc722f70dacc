#include "output/queue_pair_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "output/printable.h"
#include "output/units.h"

namespace weir {
namespace {

constexpr std::size_t kHeadings = 2;

std::uint64_t trouble(const RoceCounts& counts) {
  return counts.gaps + counts.repeated + counts.negative_acknowledges + counts.receiver_not_ready;
}

struct Line {
  std::string interface, ends, numbers;
};

Line line_of(const QueuePairSample& pair) {
  Line line;
  append_printable(line.interface, pair.interface, std::numeric_limits<std::size_t>::max());
  line.interface += pair.direction == TrafficDirection::kIngress ? " in " : " out";
  append_address(line.ends, pair.source);
  line.ends += " → ";
  append_address(line.ends, pair.destination);
  const RoceCounts& counts = pair.total;
  line.numbers = fmt::format("{:>8} {:>8} {:>8} {:>7} {:>7} {:>8} {:>6} {:>6} {:>7} {:>7}",
                             fmt::format("0x{:x}", pair.queue_pair),
                             number_text(static_cast<double>(counts.packets)),
                             bytes_text(counts.bytes), counts.gaps, counts.missing, counts.repeated,
                             counts.negative_acknowledges, counts.receiver_not_ready,
                             counts.congestion_notifications, counts.congestion_marked);
  return line;
}

// Columns of a line, of which → takes one and three bytes.
std::size_t columns_of(const std::string& ends) { return ends.size() - 2; }

}  // namespace

std::string render_queue_pair_table(std::vector<QueuePairSample> pairs, Room room) {
  std::sort(pairs.begin(), pairs.end(), [](const QueuePairSample& a, const QueuePairSample& b) {
    const std::uint64_t left = trouble(a.total), right = trouble(b.total);
    return left != right ? left > right : a.total.bytes > b.total.bytes;
  });
  const std::size_t all = pairs.size();
  if (room.rows > kHeadings + 2) pairs.resize(std::min(all, room.rows - kHeadings - 2));
  std::vector<Line> lines;
  std::size_t name = 9, ends = 20;
  for (const QueuePairSample& pair : pairs) {
    lines.push_back(line_of(pair));
    name = std::max(name, lines.back().interface.size());
    ends = std::max(ends, columns_of(lines.back().ends));
  }
  std::string out = pairs.empty() ? "" : clock_text(pairs.front().time);
  out += '\n';
  out += fmt::format("{:<{}} {:<{}} {:>8} {:>8} {:>8} {:>7} {:>7} {:>8} {:>6} {:>6} {:>7} {:>7}\n",
                     "INTERFACE", name, "SOURCE → DESTINATION", ends, "QP", "PACKETS", "BYTES",
                     "GAPS", "MISSING", "REPEATED", "NAK", "RNR", "CNP", "ECN CE");
  for (const Line& line : lines) {
    out += fmt::format("{:<{}} {}{} {}\n", line.interface, name, line.ends,
                       std::string(ends - columns_of(line.ends), ' '), line.numbers);
  }
  if (pairs.empty()) out += "(no RDMA queue pair yet)\n";
  if (pairs.size() < all) out += fmt::format("... and {} more\n", all - pairs.size());
  return cut_lines(out, room.columns);
}

}  // namespace weir
