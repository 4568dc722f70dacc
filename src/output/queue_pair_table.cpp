#include "output/queue_pair_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <tuple>

#include "output/printable.h"
#include "output/units.h"

namespace weir {
namespace {

constexpr std::size_t kHeadings = 2;

std::uint64_t trouble(const RoceCounts& counts) {
  return counts.gaps + counts.repeated + counts.negative_acknowledges + counts.receiver_not_ready;
}

struct Column {
  const char* heading;
  std::size_t width;
  bool spare;  // given up first where there is little room
};

constexpr std::array kColumns{
    Column{"PACKETS", 8, true}, Column{"BYTES", 8, true}, Column{"NOW", 5, false},
    Column{"GAPS", 6, false},   Column{"MISS", 6, false}, Column{"AGAIN", 6, false},
    Column{"NAK", 5, false},    Column{"RNR", 5, false},  Column{"CNP", 6, false},
    Column{"CE", 6, false},
};

struct Line {
  std::string interface, ends, pair;
  std::array<std::string, kColumns.size()> numbers;
};

Line line_of(const QueuePairSample& pair) {
  Line line;
  append_printable(line.interface, pair.interface, std::numeric_limits<std::size_t>::max());
  line.interface += pair.direction == TrafficDirection::kIngress ? " in" : " out";
  append_address(line.ends, pair.source);
  line.ends += " → ";
  append_address(line.ends, pair.destination);
  line.pair = fmt::format("0x{:x}", pair.queue_pair);
  const auto text = [](std::uint64_t count) {
    return count < 100'000 ? std::to_string(count) : number_text(static_cast<double>(count));
  };
  const RoceCounts& counts = pair.total;
  line.numbers = {text(counts.packets),
                  bytes_text(counts.bytes),
                  text(trouble(pair.in_interval)),
                  text(counts.gaps),
                  text(counts.missing),
                  text(counts.repeated),
                  text(counts.negative_acknowledges),
                  text(counts.receiver_not_ready),
                  text(counts.congestion_notifications),
                  text(counts.congestion_marked)};
  return line;
}

// Columns of a line, of which → takes one and three bytes.
std::size_t columns_of(const std::string& ends) { return ends.size() - 2; }

// Without its middle where it is longer.
std::string fitted(const std::string& ends, std::size_t columns) {
  const std::size_t wide = columns_of(ends);
  if (wide <= columns) return ends + std::string(columns - wide, ' ');
  const std::size_t arrow = ends.find(" → ");
  const std::size_t half = (columns - 3) / 2;
  const auto cut = [&](const std::string& address) {
    if (address.size() <= half) return address;
    return "…" + address.substr(address.size() - half + 1);
  };
  const std::string from = cut(ends.substr(0, arrow));
  const std::string to = cut(ends.substr(arrow + std::string_view(" → ").size()));
  const auto shown = [](const std::string& text) {
    return text.size() - (text.starts_with("…") ? 2 : 0);
  };
  const std::size_t used = shown(from) + 3 + shown(to);
  return from + " → " + to + std::string(columns - std::min(columns, used), ' ');
}

}  // namespace

std::string render_queue_pair_table(std::vector<QueuePairSample> pairs, Room room) {
  std::sort(pairs.begin(), pairs.end(), [](const QueuePairSample& a, const QueuePairSample& b) {
    const auto rank = [](const QueuePairSample& pair) {
      return std::tuple(trouble(pair.in_interval), trouble(pair.total), pair.total.bytes);
    };
    return rank(a) > rank(b);
  });
  const std::size_t all = pairs.size();
  if (room.rows > kHeadings + 2) pairs.resize(std::min(all, room.rows - kHeadings - 2));
  std::vector<Line> lines;
  std::size_t name = 2, ends = 13, pair_columns = 2;
  for (const QueuePairSample& pair : pairs) {
    lines.push_back(line_of(pair));
    name = std::max(name, lines.back().interface.size());
    ends = std::max(ends, columns_of(lines.back().ends));
    pair_columns = std::max(pair_columns, lines.back().pair.size());
  }
  const auto width = [&](bool spare) {
    std::size_t sum = name + 1 + 1 + pair_columns;
    for (const Column& column : kColumns) sum += column.spare && !spare ? 0 : column.width + 1;
    return sum;
  };
  const bool spare = room.columns == 0 || width(true) + ends + 1 <= room.columns;
  // Numbers are whole, or the line is cut by the terminal: of addresses a little is left.
  constexpr std::size_t kLeastEnds = 13;
  if (room.columns > 0) {
    const std::size_t left = room.columns - std::min(room.columns, width(spare) + 1);
    ends = std::clamp(left, kLeastEnds, std::max(kLeastEnds, ends));
  }
  std::string out = pairs.empty() ? "" : clock_text(pairs.front().time);
  out += fmt::format("\n{:<{}} {:<{}} {:>{}}", "IF", name, "FROM → TO", ends, "QP", pair_columns);
  for (const Column& column : kColumns) {
    if (spare || !column.spare) out += fmt::format(" {:>{}}", column.heading, column.width);
  }
  out += '\n';
  for (const Line& line : lines) {
    out += fmt::format("{:<{}} {} {:>{}}", line.interface, name, fitted(line.ends, ends), line.pair,
                       pair_columns);
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      if (!spare && kColumns[i].spare) continue;
      out += fmt::format(" {:>{}}", line.numbers[i], kColumns[i].width);
    }
    out += '\n';
  }
  if (pairs.empty()) out += "(no RDMA queue pair yet)\n";
  if (pairs.size() < all) out += fmt::format("... and {} more\n", all - pairs.size());
  return cut_lines(out, room.columns);
}

}  // namespace weir
