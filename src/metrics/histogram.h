// Histogram: how durations are spread. Log-linear: 16 cells per power of two of nanoseconds, so a
// quantile is within 1/32 of the truth; up to 2.4 hours, longer ones count as that. Fixed size.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/counter.h"
#include "base/time.h"

namespace weir {

namespace histogram_cells {
inline constexpr int kSubBits = 4;
inline constexpr int kMaxBits = 43;
inline constexpr std::size_t kCount = std::size_t{kMaxBits - kSubBits + 1} << kSubBits;

std::size_t index_of(Nanos value);
Nanos lowest_of(std::size_t index);  // of the values that share a cell
}  // namespace histogram_cells

// Written by one thread, read by any.
class Histogram {
 public:
  void record(Nanos value) {
    cells_[histogram_cells::index_of(value)].add();
    if (value > 0 && static_cast<std::uint64_t>(value) > max_.get()) {
      max_.set(static_cast<std::uint64_t>(value));
    }
  }

 private:
  friend class Distribution;
  std::array<Counter, histogram_cells::kCount> cells_;
  Counter max_;
};

// What has been read from histograms: added up, subtracted, asked for quantiles.
class Distribution {
 public:
  void add(const Histogram& histogram);
  void add(const Distribution& other);
  // What came after `earlier`, a reading of the same histograms. The maximum is then known only to
  // the cell.
  Distribution since(const Distribution& earlier) const;

  std::uint64_t count() const { return count_; }
  Nanos max() const { return max_; }
  // 0 < q <= 1; 0 when there is nothing.
  Nanos quantile(double q) const;

 private:
  std::array<std::uint64_t, histogram_cells::kCount> cells_{};
  std::uint64_t count_ = 0;
  Nanos max_ = 0;
};

}  // namespace weir
