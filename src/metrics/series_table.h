// SeriesTable: the series of one metric family in one worker, found by the values of their labels.
// One thread adds and writes, any thread reads what has been published.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/time.h"

namespace weir {

// Upper bounds of the buckets: the semantic conventions' advice, and finer ones below 5 ms.
inline constexpr std::array<Nanos, 19> kBucketBounds{
    100'000,       250'000,       500'000,       1'000'000,     2'500'000,
    5'000'000,     10'000'000,    25'000'000,    50'000'000,    75'000'000,
    100'000'000,   250'000'000,   500'000'000,   750'000'000,   1'000'000'000,
    2'500'000'000, 5'000'000'000, 7'500'000'000, 10'000'000'000};

struct Series {
  std::string key;     // the label values as found in records
  std::string labels;  // as they stand between the braces of an exposition line
  std::array<Counter, kBucketBounds.size() + 1> buckets;  // not cumulative
  Counter sum_ns;

  void observe(Nanos value);
};

class SeriesTable {
 public:
  // Takes what no longer fits: overflow() and a series of its own, so that no observation is lost.
  static constexpr std::string_view kOverflowLabels = "otel_metric_overflow=\"true\"";

  explicit SeriesTable(std::size_t max_series);

  // Null when there is no such series yet.
  Series* find(std::string_view key);
  // `labels` is ignored when the table is full.
  Series& add(std::string_view key, std::string labels);
  bool full() const { return size() >= published_.size() - 1; }

  // For any thread: the first size() series never change but for their numbers.
  std::size_t size() const { return size_.load(std::memory_order_acquire); }
  const Series& operator[](std::size_t index) const { return *published_[index]; }
  std::uint64_t overflow() const { return overflow_.get(); }

 private:
  Series& publish(std::string_view key, std::string labels);

  std::vector<std::unique_ptr<Series>> published_;  // never resized
  std::atomic<std::size_t> size_{0};
  Counter overflow_;  // observations
  Series* overflow_series_ = nullptr;
  absl::flat_hash_map<std::string_view, Series*> by_key_;  // views into Series::key
};

}  // namespace weir
