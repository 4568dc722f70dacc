// ControlLoop: what the control thread of a lens waits for: signals, interfaces, timers and files.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"
#include "kernel/tc_follower.h"

namespace weir {

class ControlLoop {
 public:
  // `signals` ends it when it is readable. Interfaces are followed where there is a follower. Both
  // outlive the loop.
  explicit ControlLoop(int signals, TcFollower* follower = nullptr)
      : signals_(signals), follower_(follower) {}

  // Before run().
  // After `first`, and then in each interval; one that is late leaves out what it missed. The loop
  // ends when `run` returns true.
  void every(Nanos first, Nanos interval, std::function<bool()> run);
  void when_readable(int fd, std::function<void()> run);
  // Once, when every interface that was asked for is attached or refuses.
  void when_attached(std::function<void()> run) { attached_ = std::move(run); }
  // 0: never.
  void end_after(Nanos duration);

  void run();

 private:
  struct Timer {
    Nanos next, interval;
    std::function<bool()> run;
  };
  struct File {
    int fd;
    std::function<void()> run;
  };

  bool attaching() const { return follower_ && follower_->pending(); }
  // True when the loop is to end.
  bool run_timers();
  bool wait();

  int signals_;
  TcFollower* follower_;
  std::vector<Timer> timers_;
  std::vector<File> files_;
  std::function<void()> attached_;
  std::optional<Nanos> end_;
};

}  // namespace weir
