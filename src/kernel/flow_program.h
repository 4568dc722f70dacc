// FlowProgram: the kernel programs that count flows (bpf/flows.bpf.c), and their tables. Attaching
// them is for TcFollower and XdpAttachment. For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "abi/flow_slot.h"
#include "abi/queue_pair.h"
#include "abi/traffic_slot.h"
#include "base/result.h"
#include "kernel/mapped_array.h"
#include "kernel/ring_buffer.h"

struct flows_bpf;

namespace weir {

struct FlowProgramOptions {
  // Rounded up to a power of two within FlowProgram's limits. A processor's table has twice as many
  // slots, so that few flows meet in a bucket.
  std::uint32_t flows_per_processor = 1 << 14;
  std::uint32_t queue_pairs = 8192;
  // What is not wanted is counted by interface, direction and type only.
  std::uint32_t wanted_types = ~0U;  // a bit for each FLOW_TYPE_*, shifted down
  bool exclude_dns_ports = false;    // 53 and 853
  // IPv4, as on the wire, 8 at most.
  std::vector<std::uint32_t> excluded_addresses = {};
  // Where one port is below it and the other is not, the other is counted as 0; 0: both always are
  // as they are.
  std::uint16_t fold_from = 0;
};

class FlowProgram {
 public:
  static constexpr std::uint32_t kMinFlows = 1024;
  static constexpr std::uint32_t kMaxFlows = 1 << 22;

  // Needs BTF, CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.
  static Result<std::unique_ptr<FlowProgram>> load(const FlowProgramOptions& options);
  ~FlowProgram();
  FlowProgram(const FlowProgram&) = delete;
  FlowProgram& operator=(const FlowProgram&) = delete;

  // `bare`: for interfaces without Ethernet headers.
  int fd(traffic_direction direction, bool bare) const;
  int xdp_fd() const;

  // The slots of all processors' tables.
  std::size_t slot_count() const { return slots_.elements().size(); }
  // One of them as it is; false where it is empty, or another flow is taking it.
  bool read(std::size_t index, flow_slot& slot, flow_more& more) const;

  // What has left its slot since the last call, as it was then, in the order in which flows left
  // each slot; how many. leavers_fd() is readable when many wait.
  using Leaver = std::function<void(const flow_leaver&)>;
  std::uint64_t take_leavers(const Leaver& visit);
  int leavers_fd() const { return leavers_->fd(); }

  // Packets in no flow, since loading.
  void read_rest(const std::function<void(const flow_rest_key&, const flow_rest&)>& visit) const;
  // Of an interface that is gone; to be called when they have been read for the last time.
  void forget_rest(std::uint32_t ifindex) const;

  void read_queue_pairs(
      const std::function<void(const queue_pair_key&, const queue_pair&)>& visit) const;
  void forget(const queue_pair_key& key) const;
  // Packets that are in a flow, but whose queue pair found no room.
  std::uint64_t queue_pairs_full() const;

 private:
  struct Unload {
    void operator()(flows_bpf* skeleton) const;
  };

  FlowProgram() = default;
  Result<> load_maps(const FlowProgramOptions& options);
  Result<> open_maps();

  std::unique_ptr<flows_bpf, Unload> skeleton_;
  std::size_t processors_ = 0;
  MappedArray<flow_slot> slots_;
  MappedArray<flow_more> more_;
  std::unique_ptr<Leaver> visit_;  // of the call of take_leavers() that is under way
  std::optional<RingBuffer> leavers_;
};

}  // namespace weir
