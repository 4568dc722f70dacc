// DropProgram: the kernel program that sees every packet that is dropped (bpf/drops.bpf.c), and its
// tables. It is attached for as long as it lives, for every network namespace. For one thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "abi/drop.h"
#include "base/result.h"
#include "kernel/kernel_symbols.h"
#include "kernel/ring_buffer.h"

struct bpf_link;
struct drops_bpf;

namespace weir {

struct DropProgramOptions {
  // Of one interval: what is beyond is counted by reason and place.
  std::uint32_t flows = 1 << 14;
  // Names of reasons that are counted, and not told.
  std::vector<std::string> noise = {};
  // Single packets, on a processor: one in so many nanoseconds at most; absent: none.
  std::optional<std::uint64_t> event_spacing_ns = {};
  std::uint32_t event_bytes = 4 << 20;
};

class DropProgram {
 public:
  // Needs BTF, CAP_BPF and CAP_PERFMON; CAP_SYSLOG for the names of functions.
  static Result<std::unique_ptr<DropProgram>> load(const DropProgramOptions& options);
  ~DropProgram();
  DropProgram(const DropProgram&) = delete;
  DropProgram& operator=(const DropProgram&) = delete;

  // What was dropped since the last call, each flow once; then the rest, by reason and place. No
  // drop is in neither, and none in two calls.
  using Flow = std::function<void(const drop_key&, const drop_count&)>;
  using Rest = std::function<void(const drop_key&, const drop_rest&)>;
  Result<> take(const Flow& flow, const Rest& rest);

  // Single packets since the last call, in order; how many. events_fd() is readable when many wait.
  using Event = std::function<void(const drop_event&)>;
  std::uint64_t take_events(const Event& visit);
  int events_fd() const { return events_->fd(); }

  // Since loading, by enum drop_total.
  std::array<std::uint64_t, DROP_TOTALS> totals() const;
  // Drops on a processor whose program was just seeing another one: in no total.
  std::uint64_t missed() const;

  // Valid as long as this. Numbers where the kernel does not tell the names.
  std::string_view reason_name(std::uint32_t reason);
  std::string_view function_name(std::uint64_t location);
  bool knows_functions() const { return symbols_.known(); }

 private:
  struct Unload {
    void operator()(drops_bpf* skeleton) const;
  };
  struct Detach {
    void operator()(bpf_link* link) const;
  };

  DropProgram() = default;
  Result<> attach();
  // Count in the other tables from now on; returns when nothing counts in these any more.
  Result<> exchange();
  std::string subsystem_reason(std::uint32_t reason) const;

  KernelSymbols symbols_;
  std::map<std::uint32_t, std::string> reasons_;
  std::map<std::uint64_t, std::string> places_;  // without a symbol
  std::unique_ptr<drops_bpf, Unload> skeleton_;
  std::size_t processors_ = 0;
  bool second_ = false;           // the second tables count
  std::unique_ptr<Event> visit_;  // of the call of take_events() that is under way
  std::optional<RingBuffer> events_;
  std::unique_ptr<bpf_link, Detach> link_;
};

}  // namespace weir
