// FlowDesigns: the programs that weir's flow programs are held against (bpf/flow_designs.bpf.c),
// and runs of any program at the TC hook on packets of many flows. For one thread, which stays on
// one processor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "abi/flow_slot.h"
#include "base/result.h"
#include "kernel/mapped_array.h"

struct flow_designs_bpf;

namespace weir {

// A run, by two clocks: CPU time of the thread, and the kernel's test-run timer, which tells whole
// nanoseconds a packet, cut off.
struct RunTime {
  double cpu_ns = 0, timer_ns = 0;  // a packet
};

// Which flows packets are of: 0 and up.
struct FlowOrder {
  std::uint32_t shift, mask;  // as the program has them

  static constexpr FlowOrder one() { return {0, 0}; }
  // 2^bits flows, each as likely to be next as any other.
  static constexpr FlowOrder random(std::uint32_t bits) { return {32 - bits, (1U << bits) - 1}; }
  // 2^bits flows, each once before one comes again: what is kept by last use has gone by then.
  static constexpr FlowOrder in_turns(std::uint32_t bits) { return {0, (1U << bits) - 1}; }
  // Each packet of another.
  static constexpr FlowOrder all_new() { return {0, ~0U}; }
};

class FlowDesigns {
 public:
  enum class Kind { kPercpuHash, kLruHash, kLinearProbing };

  // The flow that a key is of.
  static std::uint32_t flow_of(const flow_key& key);

  // With tables of so many entries, on each processor where they are by processor.
  static Result<std::unique_ptr<FlowDesigns>> load(std::uint32_t entries);
  ~FlowDesigns();
  FlowDesigns(const FlowDesigns&) = delete;
  FlowDesigns& operator=(const FlowDesigns&) = delete;

  int parse_ipv4() const;
  int parse_flow() const;
  int program(Kind kind) const;

  // Runs the program on `packets` UDP packets, `at_a_time` in a test run and `between` after each
  // of those. A time of 0: it could not be run.
  RunTime run(int program_fd, FlowOrder order, std::uint32_t packets, std::uint32_t at_a_time,
              const std::function<void()>& between);
  // What of each flow the next run has; adds to it.
  void foresee(FlowOrder order, std::uint32_t packets, std::vector<std::uint64_t>& flows) const;
  // The next run begins where the first one did.
  void restart();

  // What a table has counted, summed over processors: of hashes by a call for the key and one for
  // the value; `visit(key, packets)`.
  using Counted = std::function<void(const flow_key&, std::uint64_t)>;
  void read(Kind kind, const Counted& visit) const;

 private:
  struct Unload {
    void operator()(flow_designs_bpf* skeleton) const;
  };

  FlowDesigns() = default;

  std::unique_ptr<flow_designs_bpf, Unload> skeleton_;
  MappedArray<flow_slot> probed_;
  std::size_t processors_ = 0;
};

}  // namespace weir
