// Containers: which container, pod and unit a control group belongs to. It is looked up by a thread
// of its own, as the kernel may keep the asker waiting, and remembered. Asked by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/time.h"
#include "record/container.h"

namespace weir {

class Containers {
 public:
  // `root`: where the host's /proc and /sys/fs/cgroup are, "" for those of this process.
  explicit Containers(std::string root = "");
  ~Containers();

  struct Answer {
    bool known = false;  // false: being looked up
    // Null where it belongs to none. Valid until the next call.
    const Container* container = nullptr;
  };
  // `cgroup` is the kernel's identifier in the unified hierarchy, 0 where it is not known; `pid` a
  // process that was in it, 0 where none is known.
  Answer find(std::uint64_t cgroup, std::uint32_t pid);

 private:
  struct Question {
    std::uint64_t key = 0, cgroup = 0;
    std::uint32_t pid = 0;
  };
  struct Entry {
    bool known = false, asked = false;
    Nanos until = 0;  // then it is asked again, and holds meanwhile; 0: for good
    Container container;
  };
  class Lookup;

  std::unique_ptr<Lookup> lookup_;
  std::size_t asked_ = 0;                             // and not yet answered
  std::unordered_map<std::uint64_t, Entry> entries_;  // by key of a question
};

}  // namespace weir
