#include "metrics/series_table.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace weir {

namespace {

// The first bucket that a value of so many bits can fall into.
constexpr auto kFirstBucket = [] {
  std::array<std::uint8_t, 65> first{};
  for (std::size_t bits = 1; bits < first.size(); ++bits) {
    const auto lowest = std::uint64_t{1} << (bits - 1);
    std::uint8_t& bucket = first[bits];
    while (bucket < kBucketBounds.size() &&
           static_cast<std::uint64_t>(kBucketBounds[bucket]) < lowest) {
      ++bucket;
    }
  }
  return first;
}();

}  // namespace

void Series::observe(Nanos value) {
  const auto bits = std::bit_width(static_cast<std::uint64_t>(std::max<Nanos>(value, 0)));
  std::size_t bucket = kFirstBucket[static_cast<std::size_t>(bits)];
  while (bucket < kBucketBounds.size() && kBucketBounds[bucket] < value) ++bucket;
  buckets[bucket].add();
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
