#include "metrics/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weir {
namespace histogram_cells {

std::size_t index_of(Nanos value) {
  constexpr std::uint64_t kLimit = (std::uint64_t{1} << kMaxBits) - 1;
  const std::uint64_t v = value < 0 ? 0 : std::min(static_cast<std::uint64_t>(value), kLimit);
  if (v < (std::uint64_t{1} << kSubBits)) return static_cast<std::size_t>(v);
  const int exponent = static_cast<int>(std::bit_width(v)) - 1;
  const std::uint64_t sub = (v >> (exponent - kSubBits)) & ((1u << kSubBits) - 1);
  return (static_cast<std::size_t>(exponent - kSubBits + 1) << kSubBits) |
         static_cast<std::size_t>(sub);
}

Nanos lowest_of(std::size_t index) {
  const std::size_t row = index >> kSubBits;
  if (row == 0) return static_cast<Nanos>(index);
  const std::size_t sub = index & ((std::size_t{1} << kSubBits) - 1);
  return static_cast<Nanos>(((std::size_t{1} << kSubBits) + sub) << (row - 1));
}

}  // namespace histogram_cells

void Distribution::add(const Histogram& histogram) {
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const std::uint64_t value = histogram.cells_[i].get();
    cells_[i] += value;
    count_ += value;
  }
  max_ = std::max(max_, static_cast<Nanos>(histogram.max_.get()));
}

void Distribution::add(const Distribution& other) {
  for (std::size_t i = 0; i < cells_.size(); ++i) cells_[i] += other.cells_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Distribution Distribution::since(const Distribution& earlier) const {
  Distribution difference;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const std::uint64_t value = cells_[i] - earlier.cells_[i];
    difference.cells_[i] = value;
    difference.count_ += value;
    if (value == 0) continue;
    const bool last = i + 1 == cells_.size();
    difference.max_ = last ? max_ : std::min(max_, histogram_cells::lowest_of(i + 1) - 1);
  }
  if (max_ > earlier.max_) difference.max_ = max_;
  return difference;
}

Nanos Distribution::quantile(double q) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    below += cells_[i];
    if (below < std::max<std::uint64_t>(rank, 1)) continue;
    if (i + 1 == cells_.size()) return max_;
    const Nanos low = histogram_cells::lowest_of(i);
    const Nanos high = histogram_cells::lowest_of(i + 1) - 1;
    return std::min(low + (high - low) / 2, max_);
  }
  return max_;
}

}  // namespace weir
