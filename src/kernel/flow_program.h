// FlowProgram: the kernel programs that count flows (bpf/flows.bpf.c), and their table. Attaching
// them is for TcFollower. For one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "abi/flow_slot.h"
#include "abi/traffic_slot.h"
#include "base/result.h"
#include "kernel/mapped_array.h"
#include "kernel/ring_buffer.h"

struct flows_bpf;

namespace weir {

class FlowProgram {
 public:
  // Of each processor: its table has twice as many slots, so that few flows meet in a bucket.
  static constexpr std::uint32_t kMinFlows = 1024;
  static constexpr std::uint32_t kMaxFlows = 1 << 22;

  // `max_flows` is rounded up to a power of two within the limits above. Needs CAP_BPF and
  // CAP_NET_ADMIN.
  static Result<std::unique_ptr<FlowProgram>> load(std::uint32_t max_flows);
  ~FlowProgram();
  FlowProgram(const FlowProgram&) = delete;
  FlowProgram& operator=(const FlowProgram&) = delete;

  int fd(traffic_direction direction) const;

  using Visit = std::function<void(const flow_slot&)>;
  // What has left the table since the last call, as it was then; how many.
  std::uint64_t take_leavers(const Visit& visit);
  // Every flow that is in the table; one that several processors have seen once for each. What
  // leaves meanwhile may be missing: it is among the next leavers.
  void read(const Visit& visit) const;
  // What left the table while the buffer of leavers was full, since loading.
  flow_lost lost() const;

 private:
  struct Unload {
    void operator()(flows_bpf* skeleton) const;
  };

  FlowProgram() = default;

  std::unique_ptr<flows_bpf, Unload> skeleton_;
  MappedArray<flow_slot> slots_;
  std::unique_ptr<Visit> visit_;  // of the call of take_leavers() that is under way
  std::optional<RingBuffer> leavers_;
};

}  // namespace weir
