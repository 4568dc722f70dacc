#include "metrics/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace weir {
namespace {

std::uint64_t boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stoull(line.substr(6));
  }
  return 0;
}

std::uint64_t count_entries(const char* folder) {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    ++count;
  }
  return count == 0 ? 0 : count - 1;  // without the one that reads the folder
}

}  // namespace

ProcessStats ProcessStats::read() {
  ProcessStats stats;
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The second field is the name in parentheses and may hold anything; what follows are numbers.
  const std::size_t name_end = line.rfind(')');
  if (name_end != std::string::npos) {
    std::istringstream rest(line.substr(name_end + 1));
    std::string skipped;
    for (int i = 3; i < 14; ++i) rest >> skipped;
    std::uint64_t user = 0, system = 0, start = 0, size = 0, pages = 0;
    rest >> user >> system;
    for (int i = 16; i < 22; ++i) rest >> skipped;
    rest >> start >> size >> pages;
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    stats.cpu_seconds = static_cast<double>(user + system) / ticks;
    stats.start_time = static_cast<double>(boot_time()) + static_cast<double>(start) / ticks;
    stats.virtual_bytes = size;
    stats.resident_bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  stats.open_fds = count_entries("/proc/self/fd");
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  return stats;
}

}  // namespace weir
