#include "metrics/connection_metrics.h"

#include <algorithm>
#include <cstring>

#include "metrics/series_table.h"
#include "record/utf8.h"

namespace weir {
namespace {

constexpr std::array<std::string_view, 6> kClassNames{"fast",  "timeout", "tail_loss_probe",
                                                      "other", "syn",     "fin"};

// Those that a socket with an owner, or one that says goodbye, can be in.
constexpr std::array kOpenStates{
    TcpState::kEstablished, TcpState::kSynSent,   TcpState::kSynReceived, TcpState::kFinWait1,
    TcpState::kFinWait2,    TcpState::kCloseWait, TcpState::kLastAck,     TcpState::kClosing};

bool is_high(char c) { return (static_cast<unsigned char>(c) & 0x80U) != 0; }

// So that no two names become the same label.
bool is_text(std::string_view name) {
  if (std::none_of(name.begin(), name.end(), is_high)) return true;
  std::string valid;
  append_utf8(valid, name);
  return valid == name;
}

}  // namespace

const std::array<ConnectionMetrics::Family, 6> ConnectionMetrics::kFamilies{{
    {"weir_tcp_connects_total", "TCP connections that were made.", &Totals::connects},
    {"weir_tcp_sent_bytes_total", "Payload given to the network, what was sent again included.",
     &Totals::sent_bytes},
    {"weir_tcp_received_bytes_total", "Payload received in order.", &Totals::received_bytes},
    {"weir_tcp_resent_bytes_total", "Payload sent again.", &Totals::retransmitted_bytes},
    {"weir_tcp_sent_segments_total", "Segments sent.", &Totals::sent_segments},
    {"weir_tcp_received_segments_total", "Segments received.", &Totals::received_segments},
}};

ConnectionMetrics::Totals& ConnectionMetrics::totals_of(const Connection& connection) {
  Key key;
  key.role = connection.role;
  key.port =
      connection.role == ConnectionRole::kServer ? connection.local.port : connection.remote.port;
  std::string_view name = connection.process.name;
  name = name.substr(0, key.process.size());
  std::copy(name.begin(), name.end(), key.process.begin());
  if (!is_text(name)) std::replace_if(key.process.begin(), key.process.end(), is_high, '?');
  const auto found = series_.find(key);
  if (found != series_.end()) return found->second;
  if (series_.size() < max_series_) return series_[key];
  ++beyond_records_;
  return beyond_;
}

void ConnectionMetrics::count(Totals& totals, const ConnectionCounts& counts) {
  totals.sent_bytes += counts.bytes_sent;
  totals.received_bytes += counts.bytes_received;
  totals.retransmitted_bytes += counts.bytes_retransmitted;
  totals.sent_segments += counts.segments_sent;
  totals.received_segments += counts.segments_received;
  const std::array classes{counts.fast,  counts.timeout, counts.tail_loss_probe,
                           counts.other, counts.syn,     counts.fin};
  for (std::size_t i = 0; i < classes.size(); ++i) totals.retransmits[i] += classes[i];
}

void ConnectionMetrics::on(const ConnectionSample& sample) noexcept {
  const Connection& connection = sample.connection;
  const std::lock_guard lock(mutex_);
  ++counting_[std::min(static_cast<std::size_t>(connection.state), kStates - 1)];
  Totals& totals = totals_of(connection);
  count(totals, sample.in_interval);
  const bool used = sample.in_interval.segments_sent + sample.in_interval.segments_received > 0;
  if (used && connection.srtt_ns > 0) totals.rtt.observe(connection.srtt_ns);
}

void ConnectionMetrics::on(const ConnectionEvent& event) noexcept {
  const std::lock_guard lock(mutex_);
  Totals& totals = totals_of(event.connection);
  const auto reason = static_cast<std::size_t>(event.reason);
  switch (event.kind) {
    case ConnectionEventKind::kEstablished:
      ++totals.connects;
      if (event.connection.handshake_ns) totals.handshake.observe(*event.connection.handshake_ns);
      return;
    case ConnectionEventKind::kFailed:
      ++totals.failures[reason];
      break;
    case ConnectionEventKind::kClosed:
      ++totals.closes[reason];
      if (event.connection.srtt_ns > 0) totals.rtt.observe(event.connection.srtt_ns);
      break;
  }
  count(totals, event.since_sample);
}

void ConnectionMetrics::end_tick() {
  const std::lock_guard lock(mutex_);
  open_ = counting_;
  counting_ = {};
}

ConnectionMetrics::Labelled ConnectionMetrics::labelled() const {
  Labelled all;
  for (const auto& [key, totals] : series_) {
    std::string labels = label("port", std::to_string(key.port));
    labels += ',';
    append_label(
        labels, "process",
        std::string_view(key.process.data(), strnlen(key.process.data(), key.process.size())));
    labels += ',';
    append_label(labels, "role", role_name(key.role));
    all.emplace_back(std::move(labels), &totals);
  }
  std::sort(all.begin(), all.end());
  if (beyond_records_ > 0) all.emplace_back(SeriesTable::kOverflowLabels, &beyond_);
  return all;
}

void ConnectionMetrics::add_to(MetricPage& page) const {
  const std::lock_guard lock(mutex_);
  page.family("weir_tcp_open_connections", "gauge", "TCP connections by state, at the last tick.");
  for (const TcpState state : kOpenStates) {
    page.sample(label("state", tcp_state_name(state)), open_[static_cast<std::size_t>(state)]);
  }
  const Labelled all = labelled();
  for (const Family& family : kFamilies) {
    page.family(family.name, "counter", family.help);
    for (const auto& [labels, totals] : all) page.sample(labels, totals->*family.count);
  }
  const auto by_reason = [&](std::string_view name, std::string_view help, auto member) {
    page.family(name, "counter", help);
    for (const auto& [labels, totals] : all) {
      for (std::size_t i = 0; i < kReasons; ++i) {
        if ((totals->*member)[i] == 0) continue;
        page.sample(labels + ',' + label("reason", close_reason_name(static_cast<CloseReason>(i))),
                    (totals->*member)[i]);
      }
    }
  };
  by_reason("weir_tcp_failures_total", "TCP connections that were never made, by reason.",
            &Totals::failures);
  by_reason("weir_tcp_closes_total", "TCP connections that ended, by reason.", &Totals::closes);
  page.family("weir_tcp_retransmits_total", "counter",
              "Segments sent again, by what made the kernel do so; SYNs and FINs apart.");
  for (const auto& [labels, totals] : all) {
    for (std::size_t i = 0; i < kRetransmitClasses; ++i) {
      page.sample(labels + ',' + label("class", kClassNames[i]), totals->retransmits[i]);
    }
  }
  const auto histogram = [&](std::string_view name, std::string_view help, auto member) {
    page.family(name, "histogram", help);
    for (const auto& [labels, totals] : all) {
      if (!(totals->*member).empty()) (totals->*member).add_to(page, labels);
    }
  };
  histogram("weir_tcp_handshake_duration_seconds",
            "From the SYN to its answer; of who accepts, from that answer to its ACK.",
            &Totals::handshake);
  histogram("weir_tcp_rtt_seconds",
            "The smoothed round-trip time: at each tick of connections in use, and at the end.",
            &Totals::rtt);
  page.single("weir_tcp_series_overflow_total", "counter",
              "Records of connections whose own series was beyond the limit.", beyond_records_);
}

}  // namespace weir
