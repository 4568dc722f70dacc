// OwnNamespace: the calling thread's own network namespace, with loopback up and a veth pair va,
// vb. Programs here attach to nothing else.
#pragma once

#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace weir {

// 0 when the command of `ip` has worked.
inline int ip_command(const std::string& words) {
  return std::system(("ip " + words + " 2>/dev/null").c_str());
}

// False where this process may not: no root.
inline bool enter_own_namespace() {
  return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && ip_command("link set lo up") == 0 &&
         ip_command("link add va type veth peer name vb") == 0;
}

inline std::uint32_t index_of(const char* interface) { return if_nametoindex(interface); }

}  // namespace weir
