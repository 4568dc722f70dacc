// Interfaces: the interfaces lens. Counts what crosses each interface, each way, at the TC hook.
//
// Threads: one control thread opens it, serves its follower() and calls tick(); samples() and
// uncounted() are for any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kernel/tc_follower.h"
#include "kernel/traffic_program.h"
#include "record/interface_sample.h"

namespace weir {

class Interfaces {
 public:
  // Counting of one interface has begun when it returns.
  static Result<std::unique_ptr<Interfaces>> open(const FollowOptions& options);

  // What the control thread waits for, and asks to attach to what is pending.
  TcFollower& follower() { return *follower_; }
  // Ends an interval: rates are those since the tick before, or since an interface appeared.
  void tick();

  // Counts of now, rates of the last interval; by interface index.
  std::vector<InterfaceSample> samples() const;
  // Interfaces that were asked for and exist, and refuse or are not attached to yet.
  std::size_t uncounted() const { return follower_->unattached(); }

 private:
  struct Watched {
    Interface interface;
    // At the last tick, and the rates until then.
    Nanos ticked = 0, interval_ns = 0;
    std::array<TrafficCounts, TRAFFIC_DIRECTIONS> counts{};
    std::array<TrafficRates, TRAFFIC_DIRECTIONS> rates{};
    bool active = false, ever_active = false;
  };

  Interfaces(std::unique_ptr<TcFollower> follower, std::unique_ptr<TrafficProgram> program);
  Result<> begin(const Interface& interface);
  void change(const Interface& interface);
  void end(std::uint32_t ifindex);
  std::array<TrafficCounts, TRAFFIC_DIRECTIONS> read(const Watched& watched) const;

  Nanos next_check_ = 0;
  mutable std::mutex mutex_;                  // guards what follows, and the places of program_
  std::map<std::uint32_t, Watched> watched_;  // by index
  std::unique_ptr<TrafficProgram> program_;
  std::unique_ptr<TcFollower> follower_;  // ends first
};

}  // namespace weir
