// ProcessStats: what this process uses of the machine, from /proc/self.
#pragma once

#include <cstdint>

namespace weir {

struct ProcessStats {
  double cpu_seconds = 0;  // user and system
  double start_time = 0;   // seconds since the epoch
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;

  // What cannot be read stays 0.
  static ProcessStats read();
};

}  // namespace weir
