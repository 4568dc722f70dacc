// Flows: the flows lens. Who talks to whom over each interface, and what RDMA says of itself.
//
// Threads: one control thread opens it, serves follower() and leavers_fd(), and calls tick();
// totals() and unattached() are for any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kernel/flow_program.h"
#include "kernel/tc_follower.h"
#include "kernel/xdp_attachment.h"
#include "lens/flow_counts.h"
#include "lens/flow_totals.h"
#include "record/record_sink.h"

namespace weir {

// Where packets that come in are seen.
enum class FlowAttach : std::uint8_t {
  kTc,
  kAuto,        // XDP in the driver of hardware, TC elsewhere
  kXdp,         // XDP in the driver, else generic
  kXdpGeneric,  // XDP in the stack
};

// The defaults are the manual.
struct FlowsOptions {
  FollowOptions follow;
  FlowAttach attach = FlowAttach::kTc;
  bool ingress = true, egress = true;
  // Flows of other types are counted by interface, direction and type only; none: all are wanted.
  std::vector<TrafficType> types;
  bool exclude_dns_ports = false;  // 53 and 853, either end
  // Neither end may be one of these, 8 IPv4 addresses at most.
  std::vector<IpAddress> excluded_addresses;
  // The client's port becomes 0 where the server's is below the system's ephemeral ports.
  bool fold_ports = false;
  std::size_t max_flows = 65536;
  std::size_t max_queue_pairs = 8192;
  // A flow that has been silent for so long has ended.
  Nanos expiry = 60 * kSecond;
};

class Flows {
 public:
  // Counting on one interface has begun when it returns.
  static Result<std::unique_ptr<Flows>> open(const FlowsOptions& options);
  ~Flows();
  Flows(const Flows&) = delete;
  Flows& operator=(const Flows&) = delete;

  // What the control thread waits for, and asks to attach to what is pending.
  TcFollower& follower() { return *follower_; }
  // Readable when many flows have left the kernel's table: on_leavers() then.
  int leavers_fd() const { return program_->leavers_fd(); }
  void on_leavers();

  // Ends an interval: a sample of every flow and queue pair, the last ones of those that have ended
  // included, in no order. The interfaces' names in them stay valid until follower() is served.
  void tick(RecordSink& sink);

  FlowTotals totals() const;
  // By name of the interface: how what comes in is seen, where that is by XDP.
  std::vector<std::pair<std::string, std::optional<XdpMode>>> attached() const;
  // Interfaces that were asked for and exist, and refuse or are not attached to yet.
  std::size_t unattached() const { return follower_->unattached(); }

 private:
  struct Watched {
    Interface interface;
    std::optional<XdpAttachment> xdp;
    Nanos gone = 0;  // when it went; 0: it is there
  };
  struct Pair {
    RoceCounts counts;  // as the kernel has them
    Nanos last_seen = 0;
  };
  struct PairOrder {
    bool operator()(const queue_pair_key& a, const queue_pair_key& b) const;
  };

  Flows(const FlowsOptions& options, std::unique_ptr<TcFollower> follower,
        std::unique_ptr<FlowProgram> program);
  Result<> begin(const Interface& interface);
  void attach_xdp(Watched& watched);
  int program(const Interface& interface, traffic_direction direction) const;
  void end(std::uint32_t ifindex);

  void read_flows(Nanos now);
  void tell_flows(RecordSink& sink, Nanos now);
  FlowSample sample_of(const FlowCounts::Flow& flow, Nanos now) const;
  void tell_queue_pairs(RecordSink& sink, Nanos now);
  void forget(std::uint32_t ifindex);
  void forget_gone(Nanos now);
  TrafficCounts counts_of(const FlowTally& tally, std::uint32_t ifindex, bool egress) const;
  void sum_up();

  const FlowsOptions options_;
  Nanos next_check_ = 0;
  Nanos last_tick_ = 0;
  Nanos clock_offset_ = 0;  // from the monotonic to the wall clock, at the last tick
  std::map<std::uint32_t, Watched> watched_;  // by index; for a while after they are gone
  std::map<queue_pair_key, Pair, PairOrder> queue_pairs_;
  std::map<std::pair<std::uint32_t, bool>, RoceCounts> roce_;  // by interface and egress
  FlowCounts counts_;
  // Of interfaces that are forgotten: to be told with the next interval, and told with the last.
  std::vector<std::pair<FlowCounts::Flow, std::string>> ended_, told_ended_;
  std::uint64_t gone_full_ = 0, gone_filtered_ = 0;  // frames in no flow, of interfaces forgotten
  mutable std::mutex mutex_;                         // guards totals_
  FlowTotals totals_;
  std::unique_ptr<FlowProgram> program_;
  std::unique_ptr<TcFollower> follower_;  // ends first
};

}  // namespace weir
