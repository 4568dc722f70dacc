// FlowTable: the flows of one transport in one worker: found by key, timed on a wheel, ordered by
// their last use, bounded.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>

#include "base/timer_wheel.h"
#include "record/flow_key.h"

namespace weir {

// Which interface shows a direction. The same packet crosses veth, bridge and uplink; its first
// sighting counts. When the owner has been silent for kHandover, another interface may take over.
struct Sighting {
  static constexpr Nanos kHandover = kSecond;

  std::uint32_t interface_id = 0;
  bool known = false;
  Nanos last = 0;

  // False when the packet is another sighting of one that was seen elsewhere.
  bool accepts(std::uint32_t from, Nanos now) {
    if (known && from != interface_id && now - last < kHandover) return false;
    take(from, now);
    return true;
  }
  void take(std::uint32_t from, Nanos now) {
    known = true;
    interface_id = from;
    last = now;
  }
};

// What a table needs of a flow; T derives from Flow<T>.
template <class T>
struct Flow : Timer {
  explicit Flow(const FlowKey& k) : key(k) {}

  FlowKey key;
  Sighting sightings[2];  // by Side
  T* older = nullptr;     // by last use
  T* newer = nullptr;
  Nanos last = 0;   // packet time of the last use
  Nanos moved = 0;  // packet time of the use that its place among the others stands for
};

struct FlowKeyHash {
  std::size_t operator()(const FlowKey& key) const { return key.hash(); }
};

template <class T>
class FlowTable {
 public:
  T* find(const FlowKey& key) {
    const auto found = flows_.find(key);
    return found == flows_.end() ? nullptr : found->second.get();
  }
  T& add(std::unique_ptr<T> flow) {
    T& added = *flow;
    flows_.emplace(added.key, std::move(flow));
    link(added);
    return added;
  }
  void remove(T& flow) {
    TimerWheel::cancel(flow);
    unlink(flow);
    flows_.erase(FlowKey(flow.key));
  }
  void touch(T& flow, Nanos now) {
    flow.last = now;
    if (now - flow.moved < kMoveEvery && now >= flow.moved) return;
    unlink(flow);
    link(flow);
    flow.moved = now;
  }
  // The one used longest ago, to within kMoveEvery; null when empty.
  T* oldest() { return oldest_; }
  std::size_t size() const { return flows_.size(); }

  // Fires no later than the given time; earlier firings are harmless.
  void wake_by(T& flow, Nanos deadline) {
    if (!flow.armed() || deadline < flow.deadline) wheel_.arm(flow, deadline);
  }
  // Calls fire(T&) for each flow that is due; fire may remove it.
  template <class Fire>
  void advance(Nanos now, Fire&& fire) {
    wheel_.advance(now, [&](Timer& timer) { fire(static_cast<T&>(timer)); });
  }

 private:
  // A use sooner than this after the one before does not touch the neighbours' memory.
  static constexpr Nanos kMoveEvery = 100 * kMillisecond;

  void link(T& flow) {
    flow.older = newest_;
    flow.newer = nullptr;
    (newest_ ? newest_->newer : oldest_) = &flow;
    newest_ = &flow;
  }
  void unlink(T& flow) {
    (flow.older ? flow.older->newer : oldest_) = flow.newer;
    (flow.newer ? flow.newer->older : newest_) = flow.older;
  }

  absl::flat_hash_map<FlowKey, std::unique_ptr<T>, FlowKeyHash> flows_;
  TimerWheel wheel_;
  T* oldest_ = nullptr;
  T* newest_ = nullptr;
};

}  // namespace weir
