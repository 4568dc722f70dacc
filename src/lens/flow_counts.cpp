#include "lens/flow_counts.h"

#include <cstring>
#include <new>
#include <random>

namespace weir {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xd6e8feb86659fd93u);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

FlowTally tally_of(const flow_slot& slot, const flow_more& more) {
  return {slot.packets, slot.bytes, more.packets, more.bytes};
}

// Of one stay in a slot none is ever less than before.
bool went_back(const FlowTally& now, const FlowTally& before) {
  return now.packets < before.packets || now.bytes < before.bytes ||
         now.more_packets < before.more_packets;
}

}  // namespace

FlowTally& FlowTally::operator+=(const FlowTally& other) {
  packets += other.packets;
  bytes += other.bytes;
  more_packets += other.more_packets;
  more_bytes += other.more_bytes;
  return *this;
}

FlowTally operator-(const FlowTally& a, const FlowTally& b) {
  return {a.packets - b.packets, a.bytes - b.bytes, a.more_packets - b.more_packets,
          a.more_bytes - b.more_bytes};
}

bool operator==(const FlowTally& a, const FlowTally& b) {
  return a.packets == b.packets && a.bytes == b.bytes && a.more_packets == b.more_packets &&
         a.more_bytes == b.more_bytes;
}

bool FlowCounts::Same::operator()(std::uint32_t a, const Flow& b) const {
  const Flow& flow = (*flows)[a];
  return flow.id == b.id && flow.ifindex == b.ifindex &&
         std::memcmp(&flow.key, &b.key, sizeof b.key) == 0;
}

FlowCounts::FlowCounts(std::size_t max_flows, std::size_t slots)
    : max_flows_(max_flows),
      seed_(std::uint64_t{std::random_device{}()} << 32 | std::random_device{}()),
      slots_(slots),
      taken_(static_cast<Taken*>(std::calloc(slots, sizeof(Taken)))),
      index_(0, Hash{&flows_}, Same{&flows_}) {
  if (!taken_) throw std::bad_alloc();
}

// Different ones for different flows, but for one chance in 2^63.
std::uint64_t FlowCounts::id_of(const flow_key& key, std::uint32_t ifindex) const {
  std::uint64_t words[5];
  static_assert(sizeof words == sizeof key);
  std::memcpy(words, &key, sizeof words);
  const std::uint64_t addresses = mix(words[1] ^ seed_, words[3]) ^ mix(words[0], words[2] + seed_);
  return mix(addresses, words[4] ^ mix(ifindex, seed_)) | 1;
}

std::uint32_t FlowCounts::find_or_make(const flow_slot& slot, std::uint64_t id, Nanos now) {
  Flow flow;
  flow.key = slot.key;
  flow.ifindex = slot.ifindex;
  flow.id = id;
  if (const auto found = index_.find(flow); found != index_.end()) return *found + 1;
  if (index_.size() >= max_flows_) return 0;
  flow.first_seen = now;
  std::uint32_t index = static_cast<std::uint32_t>(flows_.size());
  if (free_.empty()) {
    flows_.push_back(flow);
  } else {
    index = free_.back();
    free_.pop_back();
    flows_[index] = flow;
  }
  index_.insert(index);
  return index + 1;
}

void FlowCounts::take(Taken& taken, const flow_slot& slot, const flow_more& more, Nanos now) {
  const FlowTally tally = tally_of(slot, more);
  const FlowTally added = tally - taken.tally;
  taken.tally = tally;
  const Kind kind{slot.ifindex,
                  static_cast<std::uint8_t>(slot.key.kind & (FLOW_EGRESS | FLOW_TYPE_MASK))};
  if (last_kind_ == by_kind_.end() || last_kind_->first != kind) {
    last_kind_ = by_kind_.try_emplace(kind).first;
  }
  last_kind_->second += added;
  all_ += added;
  // Its place may be another flow's by now.
  if (taken.flow == 0 || flows_[taken.flow - 1].id != taken.id) {
    taken.flow = find_or_make(slot, taken.id, now);
  }
  if (taken.flow == 0) {
    beyond_ += added;
    return;
  }
  Flow& flow = flows_[taken.flow - 1];
  flow.total += added;
  flow.last_seen = now;
}

bool FlowCounts::see(std::size_t index, const flow_slot& slot, const flow_more& more, Nanos now) {
  Taken& taken = taken_[index];
  const std::uint64_t id = id_of(slot.key, slot.ifindex);
  const FlowTally tally = tally_of(slot, more);
  if (taken.id == 0) {
    taken.id = id;
  } else if (taken.id != id || went_back(tally, taken.tally)) {
    return false;
  }
  if (tally != taken.tally) take(taken, slot, more, now);
  return true;
}

void FlowCounts::leave(const flow_leaver& leaver, Nanos now) {
  if (leaver.index >= slots_) return;
  Taken& taken = taken_[leaver.index];
  const std::uint64_t id = id_of(leaver.slot.key, leaver.slot.ifindex);
  const FlowTally tally = tally_of(leaver.slot, leaver.more);
  // It had come and gone before the slot was read; what is known is of the one that came later.
  if (taken.id != 0 && (taken.id != id || went_back(tally, taken.tally))) {
    Taken passed{};
    passed.id = id;
    take(passed, leaver.slot, leaver.more, now);
    return;
  }
  taken.id = id;
  if (tally != taken.tally) take(taken, leaver.slot, leaver.more, now);
  taken = {};
}

void FlowCounts::forget_at(std::uint32_t index) {
  index_.erase(index);
  flows_[index].id = 0;
  free_.push_back(index);
}

}  // namespace weir
