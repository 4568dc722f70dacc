// Privileges: the Linux capabilities of this process that weir asks for.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace weir {

enum class Capability : std::uint8_t {
  kDacReadSearch = 2,
  kNetAdmin = 12,
  kNetRaw = 13,
  kSysPtrace = 19,
  kSysAdmin = 21,
  kPerfmon = 38,
  kBpf = 39,
};

// As setcap(8) writes it: cap_net_raw.
std::string_view capability_name(Capability capability);

class Privileges {
 public:
  // Of the calling thread; nothing is granted when the kernel does not answer.
  static Privileges of_this_thread();

  bool effective(Capability capability) const { return has(effective_, capability); }
  // The kernel takes CAP_SYS_ADMIN for CAP_BPF, CAP_PERFMON and what loading programs needs of
  // CAP_NET_ADMIN.
  bool suffices(Capability capability) const {
    return effective(capability) ||
           (capability != Capability::kNetRaw && effective(Capability::kSysAdmin));
  }
  // May be made effective, but is not.
  bool permitted(Capability capability) const { return has(permitted_, capability); }

 private:
  static bool has(std::uint64_t set, Capability capability) {
    return (set >> static_cast<unsigned>(capability) & 1) != 0;
  }
  std::uint64_t effective_ = 0, permitted_ = 0;
};

// What to do about a missing capability: it names all that weir can make use of, as setcap(8)
// takes away what it does not name.
std::string privilege_advice();
// "needs cap_bpf,cap_perfmon: ..." with those of `needed` that are missing, and the advice; all of
// them where none is.
std::string what_is_missing(std::initializer_list<Capability> needed);

}  // namespace weir
