// Interfaces: the interfaces lens. Counts what crosses each interface, each way, at the TC hook,
// and follows interfaces that come, go and change their names.
//
// Threads: one control thread opens it, waits for fd() and calls on_readable() and tick();
// samples() and the counts are for any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kernel/interface_choice.h"
#include "kernel/interface_watch.h"
#include "kernel/tc_attachment.h"
#include "kernel/traffic_program.h"
#include "record/interface_sample.h"

namespace weir {

struct InterfacesOptions {
  // Names or globs; none, or "any": all.
  std::vector<std::string> interfaces;
  // Whether a name of them has to exist at the start.
  bool must_exist = true;
  // By the kernel: TCX where it is there, else clsact.
  std::optional<TcMode> attach;
};

class Interfaces {
 public:
  // Counting of one interface has begun when it returns; the others are attach_next()'s, as each
  // costs the kernel tens of milliseconds. Where nothing can be attached though there are
  // interfaces, it fails with the first reason.
  static Result<std::unique_ptr<Interfaces>> open(const InterfacesOptions& options);

  // Where many are attached, another process goes on to detach them.
  ~Interfaces();
  Interfaces(const Interfaces&) = delete;
  Interfaces& operator=(const Interfaces&) = delete;

  TcMode mode() const { return mode_; }

  int fd() const { return watch_.fd(); }
  // Interfaces came, went or changed.
  void on_readable();
  // Whether interfaces wait for attach_next().
  bool pending() const { return !pending_.empty(); }
  // Begins to count one more interface: first those that carry traffic from elsewhere. One that
  // cannot be is logged, once.
  void attach_next();
  // Ends an interval: rates are those since the tick before, or since an interface appeared.
  void tick();

  // Counts of now, rates of the last interval; by interface index.
  std::vector<InterfaceSample> samples() const;
  // Interfaces that were asked for, exist, and cannot be counted.
  std::size_t uncounted() const { return uncounted_.load(std::memory_order_relaxed); }

 private:
  struct Watched {
    Interface interface;
    std::array<std::optional<TcAttachment>, TRAFFIC_DIRECTIONS> attachments;
    // At the last tick, and the rates until then.
    Nanos ticked = 0, interval_ns = 0;
    std::array<TrafficCounts, TRAFFIC_DIRECTIONS> counts{};
    std::array<TrafficRates, TRAFFIC_DIRECTIONS> rates{};
    bool active = false, ever_active = false;
  };

  Interfaces(const InterfacesOptions& options, InterfaceWatch watch,
             std::unique_ptr<TrafficProgram> program, TcMode mode,
             std::optional<ClsactOwner> owner);
  Result<> make_room(std::uint32_t ifindex);
  void give_room(std::uint32_t ifindex);
  Result<> attach(const Interface& interface);
  // Takes over what the watch knows.
  void follow_interfaces();
  void forget(std::uint32_t ifindex, bool gone);
  std::array<TrafficCounts, TRAFFIC_DIRECTIONS> read(const Watched& watched) const;

  InterfaceChoice choice_;
  InterfaceWatch watch_;
  std::unique_ptr<TrafficProgram> program_;
  TcMode mode_;
  std::optional<ClsactOwner> owner_;
  std::vector<std::uint32_t> pending_;            // indexes; the last is next
  std::map<std::uint32_t, std::string> refused_;  // by index: the name it was refused under
  std::optional<Error> first_failure_;
  std::atomic<std::size_t> uncounted_{0};

  mutable std::mutex mutex_;                  // guards what follows, and the rooms of program_
  std::map<std::uint32_t, Watched> watched_;  // by index
};

}  // namespace weir
