// SegmentPool: TCP segments waiting behind a hole, shared by all streams of a worker: bounded, and
// reused. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace weir {

class SegmentPool {
 public:
  struct Segment {
    std::unique_ptr<Segment> next;
    std::uint32_t sequence = 0, length = 0, acknowledgment = 0;
    bool has_ack = false, cut = false;
    Nanos time = 0;
    std::vector<std::uint8_t> data;
  };

  explicit SegmentPool(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // A segment of `length` bytes in the stream, of which `data` is kept.
  std::unique_ptr<Segment> take(Bytes data, std::uint32_t length);
  void give(std::unique_ptr<Segment> segment);
  bool full() const { return used_bytes_ >= limit_bytes_; }
  std::uint64_t waiting_bytes() const { return waiting_bytes_; }  // in their streams

 private:
  std::unique_ptr<Segment> free_;
  std::size_t free_count_ = 0;
  std::size_t used_bytes_ = 0;
  std::uint64_t waiting_bytes_ = 0;
  std::size_t limit_bytes_;
};

}  // namespace weir
