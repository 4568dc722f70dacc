// Signals: SIGINT and SIGTERM as a file descriptor; SIGPIPE ignored, so that a closed output is an
// error of write(). Blocks the signals for the calling thread and those it starts later.
#pragma once

#include <sys/signalfd.h>

#include <csignal>

#include "base/fd.h"
#include "base/result.h"

namespace weir {

inline Result<Fd> catch_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  Fd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return system_failure("wait for signals");
  return fd;
}

}  // namespace weir
