#include "protocol/http2_streams.h"

#include <algorithm>

namespace weir {

Http2Stream* Http2Streams::find(std::uint32_t id) {
  if (slots_.empty()) return nullptr;
  for (std::size_t slot = slot_of(id); slots_[slot] != kNone;
       slot = (slot + 1) & (slots_.size() - 1)) {
    if (streams_[slots_[slot]].id == id) return &streams_[slots_[slot]];
  }
  return nullptr;
}

void Http2Streams::place(std::uint16_t at) {
  std::size_t slot = slot_of(streams_[at].id);
  while (slots_[slot] != kNone) slot = (slot + 1) & (slots_.size() - 1);
  slots_[slot] = at;
}

void Http2Streams::grow() {
  const std::size_t before = streams_.size();
  const std::size_t size = std::max<std::size_t>(4, 2 * before);
  streams_.reserve(size);
  streams_.resize(size);
  for (std::size_t at = size; at > before; --at) {
    streams_[at - 1].newer = free_;
    free_ = static_cast<std::uint16_t>(at - 1);
  }
  slots_.assign(2 * size, kNone);
  each([&](Http2Stream& stream) { place(static_cast<std::uint16_t>(&stream - streams_.data())); });
}

Http2Stream& Http2Streams::open(std::uint32_t id) {
  if (free_ == kNone) grow();
  const std::uint16_t at = free_;
  free_ = streams_[at].newer;
  streams_[at] = {};
  streams_[at].id = streams_[at].message_id = id;
  streams_[at].heard = ++opened_;
  ++count_;
  link(at);
  place(at);
  return streams_[at];
}

void Http2Streams::remove(Http2Stream& stream) {
  const auto at = static_cast<std::uint16_t>(&stream - streams_.data());
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = slot_of(stream.id);
  while (slots_[hole] != at) hole = (hole + 1) & mask;
  // Those behind it that could stand in its place move up.
  for (std::size_t next = (hole + 1) & mask; slots_[next] != kNone; next = (next + 1) & mask) {
    const std::size_t home = slot_of(streams_[slots_[next]].id);
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    slots_[hole] = slots_[next];
    hole = next;
  }
  slots_[hole] = kNone;
  unlink(at);
  --count_;
  stream.id = 0;
  stream.newer = free_;
  free_ = at;
}

void Http2Streams::hear(Http2Stream& stream) {
  stream.heard = opened_;
  const auto at = static_cast<std::uint16_t>(&stream - streams_.data());
  if (at == newest_) return;
  unlink(at);
  link(at);
}

void Http2Streams::link(std::uint16_t at) {
  streams_[at].older = newest_;
  streams_[at].newer = kNone;
  (newest_ == kNone ? oldest_ : streams_[newest_].newer) = at;
  newest_ = at;
}

void Http2Streams::unlink(std::uint16_t at) {
  const Http2Stream& stream = streams_[at];
  (stream.older == kNone ? oldest_ : streams_[stream.older].newer) = stream.newer;
  (stream.newer == kNone ? newest_ : streams_[stream.newer].older) = stream.older;
}

}  // namespace weir
