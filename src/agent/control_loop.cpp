#include "agent/control_loop.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr Nanos kLongestWait = 3600 * kSecond;  // poll() counts milliseconds in an int

}  // namespace

void ControlLoop::every(Nanos first, Nanos interval, std::function<bool()> run) {
  timers_.push_back({monotonic_now() + first, interval, std::move(run)});
}

void ControlLoop::when_readable(int fd, std::function<void()> run) {
  files_.push_back({fd, std::move(run)});
}

void ControlLoop::end_after(Nanos duration) {
  if (duration > 0) end_ = monotonic_now() + duration;
}

bool ControlLoop::run_timers() {
  for (Timer& timer : timers_) {
    const Nanos now = monotonic_now();
    if (now < timer.next) continue;
    if (timer.run()) return true;
    timer.next += timer.interval;
    if (timer.next <= now) timer.next = now + timer.interval;
  }
  return false;
}

bool ControlLoop::wait() {
  const Nanos now = monotonic_now();
  Nanos until = now + kLongestWait;
  if (end_) until = std::min(until, *end_);
  for (const Timer& timer : timers_) until = std::min(until, timer.next);
  const Nanos wait = attaching() ? 0 : std::max<Nanos>(0, until - now);
  // A negative one is passed over.
  std::vector<pollfd> fds{{signals_, POLLIN, 0}, {follower_ ? follower_->fd() : -1, POLLIN, 0}};
  for (const File& file : files_) fds.push_back({file.fd, POLLIN, 0});
  ::poll(fds.data(), fds.size(), static_cast<int>((wait + kMillisecond - 1) / kMillisecond));
  if (fds[0].revents != 0) return true;
  if (fds[1].revents != 0) follower_->on_readable();
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (fds[i + 2].revents != 0) files_[i].run();
  }
  return false;
}

void ControlLoop::run() {
  for (;;) {
    if (attached_ && !attaching()) std::exchange(attached_, nullptr)();
    if (end_ && monotonic_now() >= *end_) return;
    if (run_timers() || wait()) return;
    if (attaching()) follower_->attach_next();
  }
}

}  // namespace weir
