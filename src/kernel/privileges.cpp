#include "kernel/privileges.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

namespace weir {

static_assert(static_cast<int>(Capability::kNetAdmin) == CAP_NET_ADMIN &&
              static_cast<int>(Capability::kNetRaw) == CAP_NET_RAW &&
              static_cast<int>(Capability::kSysAdmin) == CAP_SYS_ADMIN &&
              static_cast<int>(Capability::kPerfmon) == CAP_PERFMON &&
              static_cast<int>(Capability::kBpf) == CAP_BPF);

std::string_view capability_name(Capability capability) {
  switch (capability) {
    case Capability::kDacReadSearch:
      return "cap_dac_read_search";
    case Capability::kNetAdmin:
      return "cap_net_admin";
    case Capability::kNetRaw:
      return "cap_net_raw";
    case Capability::kSysPtrace:
      return "cap_sys_ptrace";
    case Capability::kSysAdmin:
      return "cap_sys_admin";
    case Capability::kPerfmon:
      return "cap_perfmon";
    case Capability::kBpf:
      return "cap_bpf";
  }
  return "";
}

Privileges Privileges::of_this_thread() {
  Privileges privileges;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capget, &header, data) != 0) return privileges;
  privileges.effective_ = data[0].effective | std::uint64_t{data[1].effective} << 32;
  privileges.permitted_ = data[0].permitted | std::uint64_t{data[1].permitted} << 32;
  return privileges;
}

std::string privilege_advice() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  const std::string binary =
      length > 0 ? std::string(path, static_cast<std::size_t>(length)) : "weir";
  return "run as root or: sudo setcap cap_bpf,cap_net_admin,cap_net_raw,cap_perfmon+ep " + binary;
}

std::string what_is_missing(std::initializer_list<Capability> needed) {
  const Privileges mine = Privileges::of_this_thread();
  std::string missing, all;
  for (const Capability capability : needed) {
    const std::string name(capability_name(capability));
    all += (all.empty() ? "" : ",") + name;
    if (!mine.suffices(capability)) missing += (missing.empty() ? "" : ",") + name;
  }
  return "needs " + (missing.empty() ? all : missing) + ": " + privilege_advice();
}

}  // namespace weir
