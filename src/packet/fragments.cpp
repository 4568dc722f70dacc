#include "packet/fragments.h"

#include <algorithm>

namespace weir {
namespace {

constexpr std::uint32_t kMaxPayload = 65535;
// Of one datagram. In order, or with a few missing, there are one or two; more is an attack.
constexpr std::size_t kMaxRanges = 256;

}  // namespace

Fragments::Fragments(const FragmentBounds& bounds) : bounds_(bounds) {
  bounds_.datagrams = std::max(bounds_.datagrams, 1u);
}

void Fragments::begin_frame(Nanos now) noexcept {
  end_views();
  while (oldest_ != kNone && now > slots_[oldest_].created &&
         static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(slots_[oldest_].created) >
             static_cast<std::uint64_t>(bounds_.timeout)) {
    give_up(oldest_);
  }
  active_ = oldest_ != kNone || !given_up_.empty();
}

bool Fragments::add(const Key& key, const Piece& piece, Nanos now, Datagram& whole) noexcept {
  active_ = true;
  const std::uint64_t end = std::uint64_t{piece.offset} + piece.wire_bytes;
  if (end > kMaxPayload || piece.wire_bytes == 0 || (!piece.last && piece.wire_bytes % 8 != 0) ||
      finished_count_ == finished_.size()) {
    lost_ += piece.frames;
    return false;
  }
  const std::uint32_t index = slot_of(key, now);
  if (!fits(slots_[index], piece, static_cast<std::uint32_t>(end))) {
    lost_ += piece.frames;
    return false;
  }
  slots_[index].frames += piece.frames;
  pending_ += piece.frames;
  if (!make_room(index, static_cast<std::uint32_t>(end))) {
    evicted_ += detach(index);
    release(index);
    return false;
  }
  Slot& slot = slots_[index];
  if (piece.last) slot.end = static_cast<std::uint32_t>(end);
  if (piece.offset == 0 && (slot.present.empty() || slot.present.front().begin != 0)) {
    slot.next_header = piece.next_header;
  }
  insert(slot, piece);
  if (slot.end == kNone || slot.present.size() != 1 || slot.present.front().begin != 0 ||
      slot.present.front().end != slot.end) {
    return false;
  }
  whole.frames = detach(index);
  whole.data = Bytes(slot.data).first(std::min<std::size_t>(slot.end, slot.cut_at));
  whole.wire_bytes = slot.end;
  whole.next_header = slot.next_header;
  finished_[finished_count_++] = index;
  return true;
}

void Fragments::flush() noexcept {
  active_ = true;
  end_views();
  while (oldest_ != kNone) give_up(oldest_);
}

bool Fragments::take_given_up(GivenUp& out) noexcept {
  if (!has_given_up()) return false;
  const Slot& slot = slots_[given_up_[given_up_taken_++]];
  const std::uint32_t contiguous = slot.present.front().end;
  out.key = slot.key;
  out.created = slot.created;
  out.datagram.data = Bytes(slot.data).first(std::min(contiguous, slot.cut_at));
  out.datagram.wire_bytes = slot.end != kNone ? slot.end : slot.present.back().end;
  out.datagram.next_header = slot.next_header;
  out.datagram.frames = slot.frames;
  pending_ -= slot.frames;
  return true;
}

// Stays pending until it is taken, where its beginning can be used; otherwise it is lost.
void Fragments::give_up(std::uint32_t index) {
  const std::uint32_t frames = detach(index);
  if (slots_[index].present.front().begin == 0) {
    pending_ += frames;
    given_up_.push_back(index);
  } else {
    lost_ += frames;
    release(index);
  }
}

void Fragments::end_views() {
  while (finished_count_ > 0) release(finished_[--finished_count_]);
  for (std::size_t i = 0; i < given_up_.size(); ++i) {
    const std::uint32_t index = given_up_[i];
    if (i >= given_up_taken_) {
      pending_ -= slots_[index].frames;
      lost_ += slots_[index].frames;
    }
    release(index);
  }
  given_up_.clear();
  given_up_taken_ = 0;
}

// The datagram's slot; a new one may push out the oldest.
std::uint32_t Fragments::slot_of(const Key& key, Nanos now) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) return found->second;
  if (by_key_.size() >= bounds_.datagrams) {
    const std::uint32_t victim = oldest_;
    evicted_ += detach(victim);
    release(victim);
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.key = key;
  slot.created = now;
  slot.older = newest_;
  (newest_ == kNone ? oldest_ : slots_[newest_].newer) = index;
  newest_ = index;
  by_key_.emplace(key, index);
  return index;
}

bool Fragments::fits(const Slot& slot, const Piece& piece, std::uint32_t end) {
  if (slot.end != kNone && (end > slot.end || (piece.last && end != slot.end))) return false;
  if (piece.last && !slot.present.empty() && slot.present.back().end > end) return false;
  return slot.present.size() < kMaxRanges;
}

// Grows the datagram's buffer to `end` within the bound, at the cost of the oldest others.
bool Fragments::make_room(std::uint32_t index, std::uint32_t end) {
  if (end <= slots_[index].data.size()) return true;
  // Doubling keeps the copying linear in what is received.
  const std::size_t size =
      std::min<std::size_t>(kMaxPayload, std::max<std::size_t>(end, 2 * slots_[index].data.size()));
  const std::size_t more = size - slots_[index].data.size();
  while (bytes_ + more > bounds_.bytes) {
    const std::uint32_t victim = oldest_ != index ? oldest_ : slots_[index].newer;
    if (victim == kNone) return false;
    evicted_ += detach(victim);
    release(victim);
  }
  slots_[index].data.resize(size);
  bytes_ += more;
  return true;
}

// Copies what was not there yet and marks it present.
void Fragments::insert(Slot& slot, const Piece& piece) {
  std::uint32_t begin = piece.offset;
  const std::uint32_t end = piece.offset + piece.wire_bytes;
  const std::uint32_t captured_end =
      piece.offset +
      static_cast<std::uint32_t>(std::min<std::size_t>(piece.captured.size(), piece.wire_bytes));
  const auto copy = [&](std::uint32_t from, std::uint32_t to) {
    if (from >= to) return;
    if (to > captured_end) slot.cut_at = std::min(slot.cut_at, std::max(from, captured_end));
    const std::uint32_t stop = std::min(to, captured_end);
    if (from >= stop) return;
    std::copy(piece.captured.begin() + (from - piece.offset),
              piece.captured.begin() + (stop - piece.offset), slot.data.begin() + from);
  };
  auto& ranges = slot.present;
  const auto first = std::find_if(ranges.begin(), ranges.end(),
                                  [&](const Range& range) { return range.end >= begin; });
  Range merged{begin, end};
  auto last = first;
  for (; last != ranges.end() && last->begin <= end; ++last) {
    copy(begin, last->begin);
    begin = std::max(begin, last->end);
    merged = {std::min(merged.begin, last->begin), std::max(merged.end, last->end)};
  }
  copy(begin, end);
  if (first == last) {
    ranges.insert(first, merged);
  } else {
    *first = merged;
    ranges.erase(first + 1, last);
  }
}

std::uint32_t Fragments::detach(std::uint32_t index) {
  Slot& slot = slots_[index];
  by_key_.erase(slot.key);
  (slot.older == kNone ? oldest_ : slots_[slot.older].newer) = slot.newer;
  (slot.newer == kNone ? newest_ : slots_[slot.newer].older) = slot.older;
  slot.older = slot.newer = kNone;
  pending_ -= slot.frames;
  return slot.frames;
}

void Fragments::release(std::uint32_t index) {
  bytes_ -= slots_[index].data.size();
  slots_[index] = Slot{};
  free_.push_back(index);
}

}  // namespace weir
