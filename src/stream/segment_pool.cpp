#include "stream/segment_pool.h"

#include <utility>

namespace weir {
namespace {

using Segment = SegmentPool::Segment;

constexpr std::size_t kMaxFreeSegments = 256;
constexpr std::size_t kSegmentOverhead = sizeof(Segment);

}  // namespace

std::unique_ptr<Segment> SegmentPool::take(Bytes data, std::uint32_t length) {
  std::unique_ptr<Segment> segment;
  if (free_) {
    segment = std::move(free_);
    free_ = std::move(segment->next);
    --free_count_;
  } else {
    segment = std::make_unique<Segment>();
  }
  segment->data.assign(data.begin(), data.end());
  segment->length = length;
  waiting_bytes_ += length;
  used_bytes_ += data.size() + kSegmentOverhead;
  return segment;
}

void SegmentPool::give(std::unique_ptr<Segment> segment) {
  used_bytes_ -= segment->data.size() + kSegmentOverhead;
  waiting_bytes_ -= segment->length;
  if (free_count_ >= kMaxFreeSegments || segment->data.capacity() > 65536) return;
  segment->next = std::move(free_);
  free_ = std::move(segment);
  ++free_count_;
}

}  // namespace weir
