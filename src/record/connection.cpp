#include "record/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "record/json.h"

namespace weir {
namespace {

void append_end(std::string& out, std::string_view key, const Endpoint& endpoint) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":{{\"address\":\"", key);
  append_address(out, endpoint.address);
  fmt::format_to(std::back_inserter(out), "\",\"port\":{}}}", endpoint.port);
}

void append_text(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  fmt::format_to(std::back_inserter(out), ",\"{}\":", key);
  append_json_string(out, text);
}

void append_process(std::string& out, const ConnectionProcess& process) {
  if (process.source == ProcessSource::kNone) return;
  fmt::format_to(std::back_inserter(out), ",\"process\":{{\"pid\":{},\"name\":", process.pid);
  append_json_string(out, process.name);
  if (process.cgroup != 0) {
    fmt::format_to(std::back_inserter(out), ",\"cgroup_id\":{}", process.cgroup);
  }
  fmt::format_to(std::back_inserter(out), ",\"source\":\"{}\"",
                 process_source_name(process.source));
  const Container none;
  const Container& container = process.container ? *process.container : none;
  append_text(out, "systemd_unit", container.unit);
  out += '}';
  if (container.id.empty() && container.pod_uid.empty()) return;
  out += ",\"container\":{";
  const std::size_t begin = out.size();
  append_text(out, "id", container.id);
  append_text(out, "runtime", container.runtime);
  append_text(out, "pod_uid", container.pod_uid);
  out.erase(begin, 1);  // the first comma
  out += '}';
}

void append_counts(std::string& out, const ConnectionCounts& counts) {
  fmt::format_to(
      std::back_inserter(out),
      ",\"sent_bytes\":{},\"received_bytes\":{},\"retransmitted_bytes\":{},\"sent_segments\":{},"
      "\"received_segments\":{},\"retransmitted_segments\":{},\"retransmits\":{{\"fast\":{},"
      "\"timeout\":{},\"tail_loss_probe\":{},\"other\":{},\"syn\":{},\"fin\":{}}},"
      "\"lost_segments\":{},\"out_of_order_segments\":{},\"dsack_duplicates\":{},"
      "\"reordering_seen\":{}",
      counts.bytes_sent, counts.bytes_received, counts.bytes_retransmitted, counts.segments_sent,
      counts.segments_received, counts.segments_retransmitted, counts.fast, counts.timeout,
      counts.tail_loss_probe, counts.other, counts.syn, counts.fin, counts.lost,
      counts.out_of_order, counts.dsack_duplicates, counts.reordering_seen);
}

void append_time(std::string& out, std::string_view key, const std::optional<Nanos>& time) {
  if (!time) return;
  fmt::format_to(std::back_inserter(out), ",\"{}\":\"", key);
  append_rfc3339(out, *time);
  out += '"';
}

void append_number(std::string& out, std::string_view key, const std::optional<Nanos>& number) {
  if (number) fmt::format_to(std::back_inserter(out), ",\"{}\":{}", key, *number);
}

void append_connection(std::string& out, const Connection& connection) {
  fmt::format_to(std::back_inserter(out), ",\"cookie\":{},\"network_namespace\":{}",
                 connection.cookie, connection.network_namespace);
  append_end(out, "local", connection.local);
  append_end(out, "remote", connection.remote);
  fmt::format_to(std::back_inserter(out), ",\"role\":\"{}\",\"state\":\"{}\"",
                 role_name(connection.role), tcp_state_name(connection.state));
  append_process(out, connection.process);
  append_time(out, "born", connection.born);
  append_time(out, "established", connection.established);
  append_number(out, "handshake_ns", connection.handshake_ns);
  append_counts(out, connection.counts);
  if (connection.srtt_ns != 0) {
    fmt::format_to(std::back_inserter(out), ",\"srtt_ns\":{},\"rttvar_ns\":{},\"min_rtt_ns\":{}",
                   connection.srtt_ns, connection.rttvar_ns, connection.min_rtt_ns);
  }
  fmt::format_to(std::back_inserter(out),
                 ",\"cwnd\":{},\"ssthresh\":{},\"mss_bytes\":{},\"send_queue_bytes\":{},"
                 "\"receive_queue_bytes\":{},\"send_window_bytes\":{},\"receive_window_bytes\":{}",
                 connection.cwnd, connection.ssthresh, connection.mss, connection.send_queue,
                 connection.receive_queue, connection.send_window, connection.receive_window);
}

template <std::size_t kCount, class Enum>
std::string_view name_of(const std::array<std::string_view, kCount>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  return index < kCount ? names[index] : names[0];
}

}  // namespace

ConnectionCounts ConnectionCounts::since(const ConnectionCounts& earlier) const {
  ConnectionCounts now = *this;
  // The kernel counts a FIN as a byte for the moment in which it comes in.
  for (const auto member : {&ConnectionCounts::bytes_sent, &ConnectionCounts::bytes_received,
                            &ConnectionCounts::bytes_retransmitted}) {
    now.*member -= std::min(now.*member, earlier.*member);
  }
  for (const auto member :
       {&ConnectionCounts::segments_sent, &ConnectionCounts::segments_received,
        &ConnectionCounts::segments_retransmitted, &ConnectionCounts::fast,
        &ConnectionCounts::timeout, &ConnectionCounts::tail_loss_probe, &ConnectionCounts::other,
        &ConnectionCounts::syn, &ConnectionCounts::fin, &ConnectionCounts::lost,
        &ConnectionCounts::out_of_order, &ConnectionCounts::dsack_duplicates,
        &ConnectionCounts::reordering_seen}) {
    now.*member -= earlier.*member;
  }
  return now;
}

std::string_view role_name(ConnectionRole role) {
  constexpr std::array<std::string_view, 3> kNames{"unknown", "client", "server"};
  return name_of(kNames, role);
}

std::string_view tcp_state_name(TcpState state) {
  constexpr std::array<std::string_view, 13> kNames{
      "unknown", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",   "time_wait",
      "close",   "close_wait",  "last_ack", "listen",   "closing",   "new_syn_recv"};
  return name_of(kNames, state);
}

std::string_view process_source_name(ProcessSource source) {
  constexpr std::array<std::string_view, 4> kNames{"none", "listener", "caller", "file"};
  return name_of(kNames, source);
}

std::string_view event_name(ConnectionEventKind kind) {
  constexpr std::array<std::string_view, 3> kNames{"established", "closed", "failed"};
  return name_of(kNames, kind);
}

std::string_view close_reason_name(CloseReason reason) {
  constexpr std::array<std::string_view, 9> kNames{"none",           "fin",      "reset_sent",
                                                   "reset_received", "timeout",  "refused",
                                                   "unreachable",    "given_up", "error"};
  return name_of(kNames, reason);
}

void append_json(std::string& out, const ConnectionSample& sample) {
  out += R"({"lens":"connections","time":")";
  append_rfc3339(out, sample.time);
  out += '"';
  append_connection(out, sample.connection);
  fmt::format_to(std::back_inserter(out),
                 ",\"interval_ns\":{},\"interval\":{{\"sent_bytes\":{},\"received_bytes\":{},"
                 "\"retransmitted_segments\":{}}}}}",
                 sample.interval_ns, sample.in_interval.bytes_sent,
                 sample.in_interval.bytes_received, sample.in_interval.segments_retransmitted);
}

void append_json(std::string& out, const ConnectionEvent& event) {
  out += R"({"lens":"connections","record":"event","time":")";
  append_rfc3339(out, event.time);
  fmt::format_to(std::back_inserter(out), "\",\"event\":\"{}\"", event_name(event.kind));
  if (event.reason != CloseReason::kNone) {
    fmt::format_to(std::back_inserter(out), ",\"reason\":\"{}\"", close_reason_name(event.reason));
  }
  if (event.error != 0) fmt::format_to(std::back_inserter(out), ",\"errno\":{}", event.error);
  append_number(out, "duration_ns", event.duration_ns);
  if (event.closed_first != 0) {
    out += event.closed_first == 1 ? R"(,"closed_first":"local")" : R"(,"closed_first":"remote")";
  }
  append_connection(out, event.connection);
  out += '}';
}

}  // namespace weir
