#include "metrics/histogram.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using histogram_cells::index_of;
using histogram_cells::lowest_of;

TEST(Histogram, CellsFollowEachOtherWithoutHoles) {
  for (std::size_t i = 1; i < histogram_cells::kCount; ++i) {
    EXPECT_EQ(index_of(lowest_of(i)), i);
    EXPECT_EQ(index_of(lowest_of(i) - 1), i - 1);
  }
  EXPECT_EQ(index_of(0), 0u);
  EXPECT_EQ(index_of(-5), 0u);
  EXPECT_EQ(index_of(INT64_MAX), histogram_cells::kCount - 1);
}

TEST(Histogram, QuantilesAreWithinAThirtySecond) {
  Histogram histogram;
  for (Nanos i = 1; i <= 100'000; ++i) histogram.record(i * 1000);
  Distribution distribution;
  distribution.add(histogram);
  EXPECT_EQ(distribution.count(), 100'000u);
  EXPECT_EQ(distribution.max(), 100'000'000);
  for (const double q : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    const double truth = q * 100'000'000;
    EXPECT_NEAR(static_cast<double>(distribution.quantile(q)), truth, truth / 30) << q;
  }
}

TEST(Histogram, OneValueIsEveryQuantile) {
  Histogram histogram;
  histogram.record(1'000'000);
  Distribution distribution;
  distribution.add(histogram);
  EXPECT_LE(distribution.quantile(0.99), 1'000'000);
  EXPECT_GE(distribution.quantile(0.5), 960'000);
  EXPECT_EQ(Distribution().quantile(0.5), 0);
}

TEST(Histogram, LongerThanTheRangeKeepsItsMaximum) {
  Histogram histogram;
  histogram.record(INT64_MAX);
  Distribution distribution;
  distribution.add(histogram);
  EXPECT_EQ(distribution.quantile(0.5), INT64_MAX);
}

TEST(Histogram, DifferenceOfTwoReadings) {
  Histogram histogram;
  histogram.record(10 * kMillisecond);
  Distribution before;
  before.add(histogram);
  histogram.record(2 * kMillisecond);
  Distribution after;
  after.add(histogram);
  const Distribution interval = after.since(before);
  EXPECT_EQ(interval.count(), 1u);
  EXPECT_NEAR(static_cast<double>(interval.max()), 2e6, 2e5);
  histogram.record(20 * kMillisecond);
  Distribution last;
  last.add(histogram);
  EXPECT_EQ(last.since(after).max(), 20 * kMillisecond);
}

}  // namespace
}  // namespace weir
