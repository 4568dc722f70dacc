// DurationHistogram: durations in few buckets, as a page of metrics shows them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/time.h"
#include "metrics/metric_page.h"

namespace weir {

// The samples of one series: `_bucket` for each bound and for +Inf, `_sum`, `_count`. `bounds` are
// texts in seconds, `buckets` one more, not cumulative.
void add_histogram(MetricPage& page, std::string_view labels,
                   std::span<const std::string_view> bounds, std::span<const std::uint64_t> buckets,
                   std::uint64_t sum_ns);

// Of round trips on networks: 10 µs to 10 s.
struct RttHistogram {
  static constexpr std::array<Nanos, 18> kBounds{
      10'000,      25'000,      50'000,      100'000,       250'000,       500'000,
      1'000'000,   2'500'000,   5'000'000,   10'000'000,    25'000'000,    50'000'000,
      100'000'000, 250'000'000, 500'000'000, 1'000'000'000, 2'500'000'000, 10'000'000'000};

  std::array<std::uint64_t, kBounds.size() + 1> buckets{};
  std::uint64_t sum_ns = 0;

  void observe(Nanos value);
  bool empty() const;
  void add_to(MetricPage& page, std::string_view labels) const;
};

}  // namespace weir
