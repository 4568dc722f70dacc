// FlowCounts: what flows have carried, put together from the slots of the kernel's tables and from
// what has left them (bpf/abi/flow_slot.h). Counts never go back, and none is counted twice: of
// each slot it is known what has been taken over. For one thread.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "abi/flow_slot.h"
#include "base/time.h"

namespace weir {

// Frames and bytes as the device counts them, and what the wire has beyond them.
struct FlowTally {
  std::uint64_t packets = 0, bytes = 0, more_packets = 0, more_bytes = 0;

  FlowTally& operator+=(const FlowTally& other);
  friend FlowTally operator-(const FlowTally& a, const FlowTally& b);
  friend bool operator==(const FlowTally& a, const FlowTally& b);
};

class FlowCounts {
 public:
  struct Flow {
    flow_key key{};
    std::uint32_t ifindex = 0;
    std::uint64_t id = 0;  // 0: no flow
    FlowTally total;
    FlowTally told;  // of it, when the samples before were taken
    Nanos first_seen = 0, last_seen = 0;
    Nanos first_seen_at = 0;  // on the wall clock; the user's
  };
  // An interface, and the direction and type of flow_key.kind.
  using Kind = std::pair<std::uint32_t, std::uint8_t>;

  // Of all processors together; `slots` of the kernel's.
  FlowCounts(std::size_t max_flows, std::size_t slots);
  FlowCounts(const FlowCounts&) = delete;
  FlowCounts& operator=(const FlowCounts&) = delete;

  // What is in a slot. False where that was another flow's since the last time: that one has left,
  // what has left is to be taken over first, and the slot to be read again.
  bool see(std::size_t index, const flow_slot& slot, const flow_more& more, Nanos now);
  // In the order in which they left each slot; those that were never seen there, too, and those of
  // which a later one was seen already.
  void leave(const flow_leaver& leaver, Nanos now);

  // Those of now; `visit(Flow&)`.
  template <class Visit>
  void for_each(const Visit& visit) {
    for (Flow& flow : flows_) {
      if (flow.id != 0) visit(flow);
    }
  }
  // Forgets those that have been silent since `before`; `visit(const Flow&)` for each. One that
  // goes on later is a new flow.
  template <class Visit>
  void expire(Nanos before, const Visit& visit) {
    for (std::uint32_t index = 0; index < flows_.size(); ++index) {
      if (flows_[index].id == 0 || flows_[index].last_seen > before) continue;
      visit(static_cast<const Flow&>(flows_[index]));
      forget_at(index);
    }
  }

  std::size_t size() const { return index_.size(); }
  // All that was seen or has left, what was not kept included.
  const FlowTally& all() const { return all_; }
  const std::map<Kind, FlowTally>& by_kind() const { return by_kind_; }
  // Of it, that for which there was no room.
  const FlowTally& beyond() const { return beyond_; }
  // All of an interface; `visit(const Flow&)` for each of its flows.
  template <class Visit>
  void forget(std::uint32_t ifindex, const Visit& visit) {
    for (std::uint32_t index = 0; index < flows_.size(); ++index) {
      if (flows_[index].id == 0 || flows_[index].ifindex != ifindex) continue;
      visit(static_cast<const Flow&>(flows_[index]));
      forget_at(index);
    }
    std::erase_if(by_kind_, [&](const auto& entry) { return entry.first.first == ifindex; });
    last_kind_ = by_kind_.end();
  }

 private:
  // What has been taken over of a slot. All zeros: nothing; so those of slots that were never in
  // use take no memory.
  struct Taken {
    std::uint64_t id;  // of the flow in it; 0: none is known
    FlowTally tally;
    std::uint32_t flow;  // where it is, or was, plus 1; 0: nowhere
  };
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  struct Hash {
    using is_transparent = void;
    const std::vector<Flow>* flows;
    std::size_t operator()(std::uint32_t index) const { return (*flows)[index].id; }
    std::size_t operator()(const Flow& flow) const { return flow.id; }
  };
  struct Same {
    using is_transparent = void;
    const std::vector<Flow>* flows;
    bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
    bool operator()(std::uint32_t a, const Flow& b) const;
    bool operator()(const Flow& a, std::uint32_t b) const { return (*this)(b, a); }
  };

  std::uint64_t id_of(const flow_key& key, std::uint32_t ifindex) const;
  void take(Taken& taken, const flow_slot& slot, const flow_more& more, Nanos now);
  // Where the flow is, plus 1; 0 where there is no room.
  std::uint32_t find_or_make(const flow_slot& slot, std::uint64_t id, Nanos now);
  void forget_at(std::uint32_t index);

  const std::size_t max_flows_;
  const std::uint64_t seed_;
  const std::size_t slots_;
  std::unique_ptr<Taken[], Free> taken_;  // by slot
  std::vector<Flow> flows_;               // grows as needed
  std::vector<std::uint32_t> free_;
  absl::flat_hash_set<std::uint32_t, Hash, Same> index_;
  std::map<Kind, FlowTally> by_kind_;
  std::map<Kind, FlowTally>::iterator last_kind_ = by_kind_.end();
  FlowTally all_, beyond_;
};

}  // namespace weir
