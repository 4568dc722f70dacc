// RequestsWorker: a lens and its own chain of sinks:
//   lens -> where -> count limit -> metrics, top, output
// One thread works it; the counters, metrics and top may be read by others.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "agent/requests_settings.h"
#include "lens/requests.h"
#include "metrics/requests_metrics.h"
#include "output/fan_out.h"
#include "output/record_writer.h"
#include "output/top.h"
#include "output/where.h"

namespace weir {

// Lets through the first N records of all workers together, and says when they are through.
class CountLimit final : public RecordSink {
 public:
  struct Shared {
    std::uint64_t limit = 0;  // 0 = none: then there is no CountLimit
    std::atomic<std::uint64_t> taken{0};
    std::atomic<bool> reached{false};
  };

  CountLimit(Shared& shared, RecordSink& next) : shared_(shared), next_(next) {}

  using RecordSink::on;
  void on(const RoundTrip& trip) noexcept override {
    const std::uint64_t number = shared_.taken.fetch_add(1, std::memory_order_relaxed) + 1;
    if (number > shared_.limit) return;
    next_.on(trip);
    if (number == shared_.limit) shared_.reached.store(true, std::memory_order_release);
  }

 private:
  Shared& shared_;
  RecordSink& next_;
};

class RequestsWorker {
 public:
  struct Parts {
    RequestsOptions lens;
    std::optional<Where> where;
    std::unique_ptr<RecordWriter> writer;  // null with -o none
    bool top = false;
  };

  RequestsWorker(Parts parts, CountLimit::Shared& limit);

  RequestsLens& lens() { return *lens_; }
  RequestsCounters& counters() { return counters_; }
  const RequestsMetrics& metrics() const { return metrics_; }
  Top* top() { return top_.get(); }
  // Hands over the lines rendered so far.
  void flush() noexcept {
    if (writer_) writer_->flush();
  }

 private:
  RequestsCounters counters_;
  RequestsMetrics metrics_;
  std::unique_ptr<Top> top_;
  std::unique_ptr<RecordWriter> writer_;
  std::unique_ptr<FanOut> outputs_;
  std::unique_ptr<CountLimit> limit_;
  std::unique_ptr<WhereFilter> where_;
  std::unique_ptr<RequestsLens> lens_;  // last: feeds all of them
};

}  // namespace weir
