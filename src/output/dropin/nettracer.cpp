#include "output/dropin/nettracer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <string_view>

namespace weir {
namespace {

// Ethernet, IP, and TCP with its timestamps.
constexpr std::uint64_t kHeadersV4 = 14 + 20 + 32, kHeadersV6 = 14 + 40 + 32;
constexpr std::size_t kHumanColumns = 6, kNarrowest = 22;

std::uint64_t since(std::uint64_t now, std::uint64_t before) {
  return now > before ? now - before : 0;
}

template <class Word>
Word little_endian(const std::uint8_t* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof word);
  if constexpr (std::endian::native == std::endian::big) {
    word = sizeof word == 8
               ? static_cast<Word>(__builtin_bswap64(word))
               : static_cast<Word>(__builtin_bswap32(static_cast<std::uint32_t>(word)));
  }
  return word;
}

// "0 0100000A C350 ": the digits of the integer that holds the address in network order.
void append_hex_end(std::string& out, const Endpoint& end) {
  const std::uint8_t* bytes = end.address.bytes.data();
  if (end.address.is_v4()) {
    fmt::format_to(std::back_inserter(out), "0 {:08X} {:04X} ",
                   little_endian<std::uint32_t>(bytes + 12), end.port);
  } else {
    fmt::format_to(std::back_inserter(out), "1 {:016X}{:016X} {:04X} ",
                   little_endian<std::uint64_t>(bytes), little_endian<std::uint64_t>(bytes + 8),
                   end.port);
  }
}

std::string end_text(const Endpoint& end) {
  std::string out;
  append_address(out, end.address);
  fmt::format_to(std::back_inserter(out), ":{}", end.port);
  return out;
}

std::string_view arrow(ConnectionRole role) {
  return role == ConnectionRole::kClient ? "->" : role == ConnectionRole::kServer ? "<-" : "--";
}

void append_ends(std::string& out, const Endpoint& local, std::string_view direction,
                 const Endpoint& remote, std::uint32_t network_namespace) {
  fmt::format_to(std::back_inserter(out), "{} {} {} NS:{}", end_text(local), direction,
                 end_text(remote), network_namespace);
}

void append_ends(std::string& out, const NettracerRow& row) {
  append_ends(out, row.local, arrow(row.role), row.remote, row.network_namespace);
}

void append_ends(std::string& out, const Connection& connection, std::string_view direction) {
  append_ends(out, connection.local, direction, connection.remote, connection.network_namespace);
  fmt::format_to(std::back_inserter(out), " PID:{}", connection.process.pid);
}

std::size_t human_width(std::size_t columns) {
  return std::max(kNarrowest, columns / kHumanColumns);
}

}  // namespace

NettracerCounts operator-(const NettracerCounts& now, const NettracerCounts& before) {
  return {since(now.bytes_sent, before.bytes_sent),
          since(now.bytes_received, before.bytes_received),
          since(now.packets_sent, before.packets_sent),
          since(now.packets_received, before.packets_received),
          since(now.retransmissions, before.retransmissions)};
}

NettracerRow nettracer_row(const Connection& connection) {
  const ConnectionCounts& from = connection.counts;
  NettracerRow row;
  row.cookie = connection.cookie;
  row.network_namespace = connection.network_namespace;
  row.pid = connection.process.pid;
  row.local = connection.local;
  row.remote = connection.remote;
  row.role = connection.role;
  row.established = connection.established;
  row.counts = {since(from.bytes_sent, from.bytes_retransmitted), from.bytes_received,
                from.segments_sent, from.segments_received, from.segments_retransmitted};
  row.rtt_us = static_cast<std::uint64_t>(connection.srtt_ns / kMicrosecond);
  row.rtt_var_us = static_cast<std::uint64_t>(connection.rttvar_ns / kMicrosecond);
  return row;
}

void append_nettracer_machine_row(std::string& out, const NettracerRow& row, Nanos now,
                                  bool headers) {
  const auto to = [&] { return std::back_inserter(out); };
  const NettracerCounts& counts = row.counts;
  const std::uint64_t overhead = !headers ? 0 : row.is_v4() ? kHeadersV4 : kHeadersV6;
  fmt::format_to(to(), "{:>12} ", now / kSecond);
  append_hex_end(out, row.local);
  append_hex_end(out, row.remote);
  fmt::format_to(to(), "{:>12}{:>12} {:d}{:d}{:d} ", row.pid, row.network_namespace,
                 row.established.has_value(), row.role == ConnectionRole::kServer,
                 row.closed.has_value());
  fmt::format_to(to(), "{:>22}{:>22}{:>22}{:>22}{:>22}{:>12}{:>12}",
                 counts.bytes_sent + overhead * counts.packets_sent,
                 counts.bytes_received + overhead * counts.packets_received, counts.packets_sent,
                 counts.packets_received, counts.retransmissions, row.rtt_us, row.rtt_var_us);
  if (row.established) {
    const Nanos lasted = row.closed.value_or(now) - *row.established;
    fmt::format_to(to(), "{:>16}{:>9}", *row.established / kSecond,
                   std::max<Nanos>(0, lasted) / kSecond);
  }
  out += '\n';
}

void append_nettracer_heading(std::string& out, std::size_t columns) {
  const std::size_t width = human_width(columns);
  for (const char* word :
       {"local address", "remote address", "pid", "bytes sent", "bytes received ", "rtt"}) {
    fmt::format_to(std::back_inserter(out), "{:<{}}", word, width);
  }
  out += '\n';
}

void append_nettracer_human_row(std::string& out, const NettracerRow& row, std::size_t columns) {
  const std::size_t width = human_width(columns);
  fmt::format_to(std::back_inserter(out), "{:<{}}{:<{}}{:<{}}{:<{}}{:<{}}{:<{}}\n",
                 end_text(row.local), width, end_text(row.remote), width, row.pid, width,
                 row.counts.bytes_sent, width, row.counts.bytes_received, width, row.rtt_us, width);
}

void append_nettracer_event(std::string& out, const ConnectionEvent& event) {
  switch (event.kind) {
    case ConnectionEventKind::kEstablished: {
      const bool accepted = event.connection.role == ConnectionRole::kServer;
      out += accepted ? "event accept " : "event connect ";
      append_ends(out, event.connection, accepted ? "<-" : "->");
      break;
    }
    case ConnectionEventKind::kClosed:
      out += "event close ";
      append_ends(out, event.connection, "--");
      break;
    case ConnectionEventKind::kFailed:
      break;
  }
}

void append_nettracer_failure(std::string& out, const ConnectionEvent& event) {
  out += "failed ";
  append_ends(out, event.connection, arrow(event.connection.role));
  fmt::format_to(std::back_inserter(out), ": {}", close_reason_name(event.reason));
}

void append_nettracer_stats(std::string& out, const NettracerRow& row) {
  append_ends(out, row);
  fmt::format_to(std::back_inserter(out), " - stats: Bytes sent={} Bytes received={}",
                 row.counts.bytes_sent, row.counts.bytes_received);
}

void append_nettracer_tcp_stats(std::string& out, const NettracerRow& row) {
  append_ends(out, row);
  fmt::format_to(std::back_inserter(out),
                 " - TCP stats: Retransmissions={} Segs_in={} Segs_out={} RTT={} RTT_var={}",
                 row.counts.retransmissions, row.counts.packets_received, row.counts.packets_sent,
                 row.rtt_us, row.rtt_var_us);
}

void append_nettracer_sessions(std::string& out, std::size_t passive, std::size_t active) {
  fmt::format_to(std::back_inserter(out), "Number of passive tcp sessions: {}, active: {}", passive,
                 active);
}

}  // namespace weir
