#include "kernel/network_namespaces.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <cctype>
#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "base/fd.h"
#include "kernel/privileges.h"

namespace weir {
namespace {

// One way into each, by inode. `hidden`: of some process it may not be known.
std::map<ino_t, std::string> find_namespaces(bool& hidden) {
  std::map<ino_t, std::string> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(opendir("/proc"), closedir);
  if (!processes) return found;
  while (const dirent* entry = readdir(processes.get())) {
    if (!std::isdigit(static_cast<unsigned char>(entry->d_name[0]))) continue;
    const std::string path = std::string("/proc/") + entry->d_name + "/ns/net";
    struct stat status{};
    if (stat(path.c_str(), &status) == 0) {
      found.try_emplace(status.st_ino, path);
    } else if (errno == EACCES || errno == EPERM) {
      hidden = true;
    }
  }
  return found;
}

}  // namespace

void in_network_namespaces(const std::function<void()>& visit, std::size_t* skipped) {
  std::size_t refused = 0;
  visit();
  struct stat own{};
  const bool known = stat("/proc/thread-self/ns/net", &own) == 0;
  // A thread that has entered another namespace stays there.
  std::thread([&] {
    bool hidden = false;
    for (const auto& [inode, path] : find_namespaces(hidden)) {
      if (known && inode == own.st_ino) continue;
      const Fd way(open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!way.valid()) continue;
      if (setns(way.get(), CLONE_NEWNET) == 0) {
        visit();
      } else {
        ++refused;
      }
    }
    // One that is hidden from who may look at all is nobody's connections to watch.
    if (hidden && !Privileges::of_this_thread().effective(Capability::kSysPtrace)) ++refused;
  }).join();
  if (skipped) *skipped = refused;
}

}  // namespace weir
