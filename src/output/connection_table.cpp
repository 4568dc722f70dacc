#include "output/connection_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "output/printable.h"
#include "output/units.h"

namespace weir {
namespace {

constexpr std::size_t kHeadings = 2;
constexpr std::size_t kNumbers = 66;  // columns

std::string end_text(const Endpoint& end) {
  std::string out;
  const bool bracket = !end.address.is_v4();
  if (bracket) out += '[';
  append_address(out, end.address);
  fmt::format_to(std::back_inserter(out), "{}:{}", bracket ? "]" : "", end.port);
  return out;
}

std::string process_text(const ConnectionProcess& process) {
  if (process.source == ProcessSource::kNone) return "-";
  std::string out;
  append_printable(out, process.name, std::numeric_limits<std::size_t>::max());
  fmt::format_to(std::back_inserter(out), "/{}", process.pid);
  return out;
}

std::string rate_text(std::uint64_t bytes, Nanos interval) {
  if (interval <= 0) return "-";
  return number_text(8.0 * static_cast<double>(bytes) * static_cast<double>(kSecond) /
                     static_cast<double>(interval));
}

}  // namespace

void ConnectionTable::add(const ConnectionSample& sample) {
  const Connection& connection = sample.connection;
  Row row;
  row.bytes = sample.in_interval.bytes_sent + sample.in_interval.bytes_received;
  row.process = process_text(connection.process);
  row.local = end_text(connection.local);
  row.remote = end_text(connection.remote);
  row.numbers = fmt::format(
      "{:<11} {:>8} {:>7} {:>7} {:>8} {:>8} {:>6} {:>4}", tcp_state_name(connection.state),
      connection.srtt_ns > 0 ? duration_text(connection.srtt_ns) : "-",
      rate_text(sample.in_interval.bytes_sent, sample.interval_ns),
      rate_text(sample.in_interval.bytes_received, sample.interval_ns),
      bytes_text(connection.counts.bytes_sent), bytes_text(connection.counts.bytes_received),
      connection.counts.segments_retransmitted, sample.in_interval.segments_retransmitted);
  rows_.push_back(std::move(row));
}

std::string ConnectionTable::render(Nanos time, Room room) {
  std::stable_sort(rows_.begin(), rows_.end(),
                   [](const Row& a, const Row& b) { return a.bytes > b.bytes; });
  const std::size_t all = rows_.size();
  if (room.rows > kHeadings + 2) rows_.resize(std::min(all, room.rows - kHeadings - 2));
  std::size_t process = 7, local = 5, remote = 6;
  for (const Row& row : rows_) {
    process = std::max(process, row.process.size());
    local = std::max(local, row.local.size());
    remote = std::max(remote, row.remote.size());
  }
  std::string out =
      fmt::format("{:<{}} {:^24} {:^17} {:^11}\n", clock_text(time),
                  process + local + remote + 14 + kNumbers - 66, "now, bit/s", "in all", "again");
  out += fmt::format("{:<{}} {:<{}} {:<{}} {:<11} {:>8} {:>7} {:>7} {:>8} {:>8} {:>6} {:>4}\n",
                     "PROCESS", process, "LOCAL", local, "REMOTE", remote, "STATE", "RTT", "OUT",
                     "IN", "SENT", "RECEIVED", "ALL", "NOW");
  for (const Row& row : rows_) {
    out += fmt::format("{:<{}} {:<{}} {:<{}} {}\n", row.process, process, row.local, local,
                       row.remote, remote, row.numbers);
  }
  if (rows_.empty()) out += "(no connection)\n";
  if (rows_.size() < all) out += fmt::format("... and {} less busy ones\n", all - rows_.size());
  rows_.clear();
  return cut_lines(out, room.columns);
}

void append_event_text(std::string& out, const ConnectionEvent& event) {
  const Connection& connection = event.connection;
  const char* arrow = connection.role == ConnectionRole::kClient   ? "->"
                      : connection.role == ConnectionRole::kServer ? "<-"
                                                                   : "--";
  fmt::format_to(std::back_inserter(out), "{} {:<11} {} {} {} {}", clock_text(event.time),
                 event_name(event.kind), end_text(connection.local), arrow,
                 end_text(connection.remote), process_text(connection.process));
  if (event.reason != CloseReason::kNone) {
    fmt::format_to(std::back_inserter(out), " {}", close_reason_name(event.reason));
  }
  if (event.duration_ns) {
    fmt::format_to(std::back_inserter(out), " after {}", duration_text(*event.duration_ns));
  }
  if (event.kind == ConnectionEventKind::kClosed) {
    fmt::format_to(std::back_inserter(out), ", sent {}, received {}, rtt {}, {} segments again",
                   bytes_text(connection.counts.bytes_sent),
                   bytes_text(connection.counts.bytes_received), duration_text(connection.srtt_ns),
                   connection.counts.segments_retransmitted);
  }
}

}  // namespace weir
