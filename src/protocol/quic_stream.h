// QuicStream: the CRYPTO stream of one direction, put together from pieces in any order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.h"

namespace weir {

class QuicStream {
 public:
  static constexpr std::size_t kMaxBytes = 32768, kMaxPieces = 64;

  // What lies beyond the bounds is not kept.
  void add(std::uint64_t offset, Bytes data) noexcept {
    if (data.empty() || offset >= kMaxBytes || data.size() > kMaxBytes - offset) return;
    auto begin = static_cast<std::size_t>(offset), end = begin + data.size();
    std::size_t first = 0;
    while (first < count_ && pieces_[first].end < begin) ++first;
    std::size_t last = first;
    while (last < count_ && pieces_[last].begin <= end) ++last;
    if (first == last && count_ == kMaxPieces) return;
    if (bytes_.size() < end) bytes_.resize(end);
    std::memcpy(bytes_.data() + begin, data.data(), data.size());
    if (first < last) {
      begin = std::min(begin, pieces_[first].begin);
      end = std::max(end, pieces_[last - 1].end);
      std::copy(pieces_.begin() + static_cast<std::ptrdiff_t>(last),
                pieces_.begin() + static_cast<std::ptrdiff_t>(count_),
                pieces_.begin() + static_cast<std::ptrdiff_t>(first + 1));
      count_ -= last - first - 1;
    } else {
      std::copy_backward(pieces_.begin() + static_cast<std::ptrdiff_t>(first),
                         pieces_.begin() + static_cast<std::ptrdiff_t>(count_),
                         pieces_.begin() + static_cast<std::ptrdiff_t>(count_ + 1));
      ++count_;
    }
    pieces_[first] = {begin, end};
  }
  // What is there without a hole, behind what was taken.
  Bytes ready() const noexcept {
    if (count_ == 0 || pieces_[0].begin > 0 || pieces_[0].end <= taken_) return {};
    return Bytes(bytes_).first(pieces_[0].end).subspan(taken_);
  }
  void take(std::size_t count) noexcept { taken_ += count; }
  void clear() noexcept {
    bytes_ = {};
    count_ = taken_ = 0;
  }

 private:
  struct Piece {
    std::size_t begin = 0, end = 0;
  };

  std::vector<std::uint8_t> bytes_;
  std::array<Piece, kMaxPieces> pieces_;  // ascending, none touches another
  std::size_t count_ = 0, taken_ = 0;
};

}  // namespace weir
