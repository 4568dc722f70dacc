// Unread: bytes of one direction that the decoder has seen but not consumed, with the times of the
// packets that brought them; and the pool that reuses them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace weir {

// One packet's share of a stream.
struct Mark {
  std::uint64_t offset = 0;  // of its first byte
  Nanos time = 0;            // of the packet
  Nanos ready = 0;           // when it was in order
  std::uint64_t acked = 0;   // what of the other direction it acknowledged (offset)
  bool alone = false;        // sent when nothing was outstanding
};

struct Unread {
  static constexpr std::size_t kMaxMarks = 256;

  std::vector<std::uint8_t> data;
  std::vector<Mark> marks;  // ascending; when full, later packets share the last one

  void append(Bytes bytes, const Mark& mark) {
    data.insert(data.end(), bytes.begin(), bytes.end());
    if (marks.size() < kMaxMarks) {
      marks.push_back(mark);
    } else {
      marks.back().ready = mark.ready;
    }
  }

  // Forgets the bytes before `offset`, which `count` bytes in front of the data have reached.
  void consume(std::size_t count, std::uint64_t offset) {
    data.erase(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(count));
    auto keep = std::upper_bound(marks.begin(), marks.end(), offset,
                                 [](std::uint64_t o, const Mark& m) { return o < m.offset; });
    if (keep != marks.begin()) marks.erase(marks.begin(), keep - 1);
  }

  // The packet that brought the byte at `offset`.
  const Mark& at(std::uint64_t offset) const {
    auto after = std::upper_bound(marks.begin(), marks.end(), offset,
                                  [](std::uint64_t o, const Mark& m) { return o < m.offset; });
    return after == marks.begin() ? marks.front() : *(after - 1);
  }
};

class UnreadPool {
 public:
  explicit UnreadPool(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  std::unique_ptr<Unread> take() {
    if (free_.empty()) return std::make_unique<Unread>();
    auto taken = std::move(free_.back());
    free_.pop_back();
    return taken;
  }
  void give(std::unique_ptr<Unread> unread) {
    if (free_.size() >= kMaxFree || unread->data.capacity() > kMaxKeptBytes) return;
    unread->data.clear();
    unread->marks.clear();
    free_.push_back(std::move(unread));
  }
  void grew(std::size_t bytes) { used_bytes_ += bytes; }
  void shrank(std::size_t bytes) { used_bytes_ -= bytes; }
  bool full() const { return used_bytes_ >= limit_bytes_; }
  std::size_t used_bytes() const { return used_bytes_; }

 private:
  static constexpr std::size_t kMaxFree = 64;
  static constexpr std::size_t kMaxKeptBytes = 128 << 10;

  std::vector<std::unique_ptr<Unread>> free_;
  std::size_t used_bytes_ = 0;
  std::size_t limit_bytes_;
};

}  // namespace weir
