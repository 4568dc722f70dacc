#include "metrics/exposition.h"

#include <fmt/format.h>

#include <map>

#include "metrics/duration_histogram.h"
#include "metrics/metric_page.h"
#include "metrics/self_metrics.h"

namespace weir {
namespace {

struct FamilyText {
  std::string_view name, help;
};

constexpr std::array<FamilyText, kDurationFamilies> kFamilies{{
    {"http_server_request_duration_seconds",
     "HTTP requests answered by this host, first request byte to last response byte."},
    {"http_client_request_duration_seconds",
     "HTTP requests made by this host, first request byte to last response byte."},
    {"rpc_server_call_duration_seconds", "RPC calls answered by this host."},
    {"rpc_client_call_duration_seconds", "RPC calls made by this host."},
    {"db_client_operation_duration_seconds",
     "Database operations, first request byte to last response byte."},
    {"messaging_client_operation_duration_seconds", "Operations on message brokers."},
    {"dns_lookup_duration_seconds", "DNS queries, from the query to its answer."},
    {"weir_tls_handshake_duration_seconds",
     "TLS handshakes, from the ClientHello to the end of the server's part."},
}};

constexpr std::array<std::string_view, kBucketBounds.size()> kBoundTexts{
    "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.075",
    "0.1",    "0.25",    "0.5",    "0.75",  "1",      "2.5",   "5",    "7.5",   "10"};

struct SeriesTotals {
  std::array<std::uint64_t, kBucketBounds.size() + 1> buckets{};
  std::uint64_t sum_ns = 0;
};

void add_family(MetricPage& page, const RequestsReadings& readings, DurationFamily family) {
  // By the labels' text: the shards' own series, and values that only differ in broken UTF-8.
  std::map<std::string_view, SeriesTotals> merged;
  for (const RequestsMetrics* shard : readings.shards) {
    const SeriesTable& table = shard->series(family);
    for (std::size_t i = 0, size = table.size(); i < size; ++i) {
      SeriesTotals& totals = merged[table[i].labels];
      for (std::size_t b = 0; b < totals.buckets.size(); ++b) {
        totals.buckets[b] += table[i].buckets[b].get();
      }
      totals.sum_ns += table[i].sum_ns.get();
    }
  }
  if (merged.empty()) return;
  const FamilyText& text = kFamilies[static_cast<std::size_t>(family)];
  page.family(text.name, "histogram", text.help);
  for (const auto& [labels, totals] : merged) {
    add_histogram(page, labels, kBoundTexts, totals.buckets, totals.sum_ns);
  }
}

void add_overflow(MetricPage& page, const RequestsReadings& readings) {
  page.family("weir_series_overflow_total", "counter",
              "Observations whose own series was beyond the family's limit.");
  for (std::size_t i = 0; i < kDurationFamilies; ++i) {
    std::uint64_t overflow = 0;
    for (const RequestsMetrics* shard : readings.shards) {
      overflow += shard->series(static_cast<DurationFamily>(i)).overflow();
    }
    page.sample(label("family", kFamilies[i].name), overflow);
  }
}

std::uint64_t sum(const RequestsReadings& readings, Counter TcpHealth::* member) {
  std::uint64_t total = 0;
  for (const RequestsCounters* worker : readings.workers) total += (worker->tcp.*member).get();
  return total;
}

std::uint64_t sum(const RequestsReadings& readings, Counter RequestsCounters::* member) {
  std::uint64_t total = 0;
  for (const RequestsCounters* worker : readings.workers) total += (worker->*member).get();
  return total;
}

// One sample for each worker.
template <class Value>
void per_worker(MetricPage& page, const RequestsReadings& readings, Value value) {
  for (std::size_t i = 0; i < readings.workers.size(); ++i) {
    page.sample(label("worker", std::to_string(i)), value(*readings.workers[i]));
  }
}

// How capture keeps up; nothing when files are read.
void add_capture(MetricPage& page, const RequestsReadings& readings) {
  if (sum(readings, &RequestsCounters::ring_bytes) == 0) return;
  page.family("weir_capture_dropped_packets_total", "counter",
              "Packets for which a worker's ring had no room: lost{kernel} of the ledger.");
  per_worker(page, readings, [](const RequestsCounters& worker) {
    return worker.ledger.get(Count::kCaptureLostKernel);
  });
  page.family("weir_capture_lag_seconds", "gauge",
              "From a packet's time to the end of its processing, in the last batch; 0 at rest.");
  per_worker(page, readings, [](const RequestsCounters& worker) {
    const std::uint64_t lag = worker.lag_ns.get();
    return fmt::format("{}.{:09}", lag / 1'000'000'000, lag % 1'000'000'000);
  });
  page.family("weir_capture_ring_bytes", "gauge", "Memory of a worker's capture ring.");
  per_worker(page, readings,
             [](const RequestsCounters& worker) { return worker.ring_bytes.get(); });
  page.single("weir_capture_shortened_packets_total", "counter",
              "Packets copied from the kernel without what no decoder needs.",
              sum(readings, &RequestsCounters::shortened_packets));
  page.single("weir_capture_spared_bytes_total", "counter", "Bytes of them that were not copied.",
              sum(readings, &RequestsCounters::spared_bytes));
}

void add_tcp(MetricPage& page, const RequestsReadings& readings) {
  struct Row {
    Counter TcpHealth::* member;
    std::string_view name, help;
  };
  static constexpr Row kRows[] = {
      {&TcpHealth::connections, "weir_tcp_connections_total",
       "TCP connections seen, from their first segment or in their middle."},
      {&TcpHealth::segments, "weir_tcp_segments_total", "TCP segments seen."},
      {&TcpHealth::retransmitted_segments, "weir_tcp_retransmitted_segments_total",
       "TCP segments that carried only bytes seen before."},
      {&TcpHealth::retransmitted_bytes, "weir_tcp_retransmitted_bytes_total",
       "TCP payload bytes seen before."},
      {&TcpHealth::out_of_order_segments, "weir_tcp_out_of_order_segments_total",
       "TCP segments that arrived behind a hole."},
      {&TcpHealth::duplicate_acks, "weir_tcp_duplicate_acks_total",
       "TCP acknowledgements that repeated the one before."},
      {&TcpHealth::zero_windows, "weir_tcp_zero_windows_total",
       "TCP segments that closed the receive window."},
      {&TcpHealth::resets, "weir_tcp_resets_total", "TCP resets seen."},
  };
  for (const Row& row : kRows)
    page.single(row.name, "counter", row.help, sum(readings, row.member));
}

void add_decode_errors(MetricPage& page, const RequestsReadings& readings) {
  const std::size_t count = std::min(readings.protocols.size(), RequestsCounters::kMaxProtocols);
  if (count == 0) return;
  page.family("weir_decode_errors_total", "counter",
              "Places in a stream that its protocol's decoder could not read.");
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t errors = 0;
    for (const RequestsCounters* worker : readings.workers) {
      errors += worker->decode_errors[i].get();
    }
    page.sample(label("protocol", readings.protocols[i]), errors);
  }
}

}  // namespace

std::string render_metrics_page(const RequestsReadings& readings, std::string_view version,
                                bool lens_up) {
  std::string out;
  MetricPage page(out);
  for (std::size_t i = 0; i < kDurationFamilies; ++i) {
    add_family(page, readings, static_cast<DurationFamily>(i));
  }
  add_overflow(page, readings);
  add_ledger(page, readings.ledger(), kStages);
  add_capture(page, readings);
  add_decode_errors(page, readings);
  add_tcp(page, readings);
  page.single("weir_open_connections", "gauge", "TCP connections followed right now.",
              sum(readings, &RequestsCounters::open_connections));
  page.single("weir_open_udp_flows", "gauge", "UDP flows followed right now.",
              sum(readings, &RequestsCounters::open_udp_flows));
  add_lens_up(page, "requests", lens_up);
  add_self_metrics(page, version);
  return out;
}

}  // namespace weir
