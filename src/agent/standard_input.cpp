#include "agent/standard_input.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

namespace weir {

StandardInput::StandardInput() : waiting_(epoll_create1(EPOLL_CLOEXEC)) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  // Refused where it can only be read, not waited for.
  (void)epoll_ctl(waiting_.get(), EPOLL_CTL_ADD, STDIN_FILENO, &wanted);
}

bool StandardInput::take() {
  epoll_event ready{};
  if (epoll_wait(waiting_.get(), &ready, 1, 0) != 1) return false;
  char typed[4096];
  const ssize_t got = ::read(STDIN_FILENO, typed, sizeof typed);
  if (got > 0) return true;
  const bool again = got < 0 && (errno == EAGAIN || errno == EINTR);
  if (!again) epoll_ctl(waiting_.get(), EPOLL_CTL_DEL, STDIN_FILENO, nullptr);
  return false;
}

}  // namespace weir
