// The metrics of the connections lens (docs/metrics.md): by role, service port and process, never
// by connection. A sink of its records; read by another thread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/duration_histogram.h"
#include "metrics/metric_page.h"
#include "record/record_sink.h"

namespace weir {

class ConnectionMetrics final : public RecordSink {
 public:
  // What comes beyond so many sets of labels is counted together.
  explicit ConnectionMetrics(std::size_t max_series) : max_series_(max_series) {}

  using RecordSink::on;
  void on(const ConnectionSample& sample) noexcept override;
  void on(const ConnectionEvent& event) noexcept override;
  // After the samples of a tick: what is open now.
  void end_tick();

  void add_to(MetricPage& page) const;

 private:
  static constexpr std::size_t kStates = static_cast<std::size_t>(TcpState::kNewSynReceived) + 1;
  static constexpr std::size_t kReasons = static_cast<std::size_t>(CloseReason::kError) + 1;
  static constexpr std::size_t kRetransmitClasses = 6;

  struct Key {
    std::array<char, 16> process{};
    std::uint16_t port = 0;  // the service's: this side's of a server, the other's of a client
    ConnectionRole role = ConnectionRole::kUnknown;

    bool operator==(const Key&) const = default;
    template <class Hash>
    friend Hash AbslHashValue(Hash hash, const Key& key) {
      return Hash::combine(std::move(hash), key.process, key.port, key.role);
    }
  };
  struct Totals {
    std::uint64_t connects = 0;
    std::array<std::uint64_t, kReasons> failures{}, closes{};
    std::uint64_t sent_bytes = 0, received_bytes = 0, retransmitted_bytes = 0;
    std::uint64_t sent_segments = 0, received_segments = 0;
    std::array<std::uint64_t, kRetransmitClasses> retransmits{};
    RttHistogram handshake, rtt;
  };
  // A family of counters, one for each series.
  struct Family {
    std::string_view name, help;
    std::uint64_t Totals::* count;
  };
  static const std::array<Family, 6> kFamilies;
  using Labelled = std::vector<std::pair<std::string, const Totals*>>;

  Labelled labelled() const;
  Totals& totals_of(const Connection& connection);
  static void count(Totals& totals, const ConnectionCounts& counts);

  const std::size_t max_series_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<Key, Totals> series_;
  Totals beyond_;
  std::uint64_t beyond_records_ = 0;
  std::array<std::uint64_t, kStates> open_{}, counting_{};  // by state: at the last tick, in this
};

}  // namespace weir
