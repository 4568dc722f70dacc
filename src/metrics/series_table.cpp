#include "metrics/series_table.h"

#include <algorithm>
#include <utility>

namespace weir {

void Series::observe(Nanos value) {
  const auto* bound = std::lower_bound(kBucketBounds.begin(), kBucketBounds.end(), value);
  buckets[static_cast<std::size_t>(bound - kBucketBounds.begin())].add();
  if (value > 0) sum_ns.add(static_cast<std::uint64_t>(value));
}

SeriesTable::SeriesTable(std::size_t max_series) : published_(max_series + 1) {}

Series* SeriesTable::find(std::string_view key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

Series& SeriesTable::add(std::string_view key, std::string labels) {
  if (full()) {
    overflow_.add();
    if (overflow_series_ == nullptr) {
      overflow_series_ = &publish({}, std::string(kOverflowLabels));
    }
    return *overflow_series_;
  }
  Series& series = publish(key, std::move(labels));
  by_key_.emplace(series.key, &series);
  return series;
}

Series& SeriesTable::publish(std::string_view key, std::string labels) {
  const std::size_t index = size_.load(std::memory_order_relaxed);
  published_[index] = std::make_unique<Series>();
  published_[index]->key = key;
  published_[index]->labels = std::move(labels);
  size_.store(index + 1, std::memory_order_release);
  return *published_[index];
}

}  // namespace weir
