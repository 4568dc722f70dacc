// RequestsMetrics: one worker's shard of the numbers about round trips. The worker writes, any
// thread reads; readers add the shards up.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/histogram.h"
#include "metrics/path_templates.h"
#include "metrics/series_table.h"
#include "record/record_sink.h"

namespace weir {

// The histograms that round trips feed; the semantic conventions tell server from client.
enum class DurationFamily : std::uint8_t {
  kHttpServer,
  kHttpClient,
  kRpcServer,
  kRpcClient,
  kDb,
  kMessaging,
  kDns,
  kTls,
  kEnd
};
inline constexpr std::size_t kDurationFamilies = static_cast<std::size_t>(DurationFamily::kEnd);

// What one worker has seen of one protocol.
struct ProtocolCounters {
  std::string_view name;
  Counter records;
  Counter errors;
  Counter unanswered;
  Counter one_way;
  Counter without_request;
  Counter request_bytes, response_bytes;  // on the wire
  Histogram answered;                     // durations of the exchanges that have both sides
};

class RequestsMetrics final : public RecordSink {
 public:
  static constexpr std::size_t kMaxSeries = 1000;  // of one family in one worker
  static constexpr std::size_t kMaxProtocols = 64;

  explicit RequestsMetrics(std::size_t max_series = kMaxSeries);
  ~RequestsMetrics() override;

  using RecordSink::on;
  void on(const RoundTrip& trip) noexcept override;

  // For any thread.
  const SeriesTable& series(DurationFamily family) const {
    return *tables_[static_cast<std::size_t>(family)];
  }
  std::size_t protocol_count() const { return protocol_count_.load(std::memory_order_acquire); }
  const ProtocolCounters& protocol(std::size_t index) const { return *protocols_[index]; }

 private:
  struct Plan;  // how the records of one vocabulary become series

  Plan& plan_for(const Vocabulary& vocabulary);
  Plan& add_plan(const Vocabulary& vocabulary);
  void observe(const RoundTrip& trip, Plan& plan);

  std::array<std::unique_ptr<SeriesTable>, kDurationFamilies> tables_;
  PathTemplates paths_;
  std::array<std::unique_ptr<ProtocolCounters>, kMaxProtocols> protocols_;
  std::atomic<std::size_t> protocol_count_{0};
  std::vector<std::unique_ptr<Plan>> plans_;
  Plan* last_plan_ = nullptr;
};

}  // namespace weir
