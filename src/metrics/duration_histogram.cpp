#include "metrics/duration_histogram.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir {
namespace {

constexpr std::array<std::string_view, RttHistogram::kBounds.size()> kBoundTexts{
    "0.00001", "0.000025", "0.00005", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005",
    "0.01",    "0.025",    "0.05",    "0.1",    "0.25",    "0.5",    "1",     "2.5",    "10"};

}  // namespace

void add_histogram(MetricPage& page, std::string_view labels,
                   std::span<const std::string_view> bounds, std::span<const std::uint64_t> buckets,
                   std::uint64_t sum_ns) {
  const std::string_view comma = labels.empty() ? "" : ",";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    below += buckets[i];
    const std::string_view bound = i < bounds.size() ? bounds[i] : "+Inf";
    page.sample_of("_bucket", fmt::format("{}{}le=\"{}\"", labels, comma, bound), below);
  }
  page.sample_of("_sum", labels,
                 fmt::format("{}.{:09}", sum_ns / 1'000'000'000, sum_ns % 1'000'000'000));
  page.sample_of("_count", labels, below);
}

void RttHistogram::observe(Nanos value) {
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), value);
  ++buckets[static_cast<std::size_t>(bound - kBounds.begin())];
  sum_ns += static_cast<std::uint64_t>(std::max<Nanos>(0, value));
}

bool RttHistogram::empty() const {
  return std::all_of(buckets.begin(), buckets.end(), [](auto count) { return count == 0; });
}

void RttHistogram::add_to(MetricPage& page, std::string_view labels) const {
  add_histogram(page, labels, kBoundTexts, buckets, sum_ns);
}

}  // namespace weir
