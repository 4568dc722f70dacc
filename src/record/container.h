// Container: what the path of a control group tells of who runs in it.
#pragma once

#include <string>
#include <string_view>

namespace weir {

// What is not told is empty.
struct Container {
  std::string runtime;  // docker, containerd, cri-o, podman, lxc or nspawn
  std::string id;       // as the runtime has it: 64 hexadecimal digits, or a name
  std::string pod_uid;  // of Kubernetes, with hyphens where it has them
  std::string unit;     // of systemd, innermost

  bool empty() const { return id.empty() && pod_uid.empty() && unit.empty(); }
  bool operator==(const Container&) const = default;
};

// Of the path below the hierarchy's root, as in /proc/PID/cgroup. Where containers are nested, of
// the innermost.
Container container_of_cgroup(std::string_view path);

}  // namespace weir
