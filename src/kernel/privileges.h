// Privileges: the Linux capabilities of this process that weir asks for.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

enum class Capability : std::uint8_t {
  kNetAdmin = 12,
  kNetRaw = 13,
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
  // May be made effective, but is not.
  bool permitted(Capability capability) const { return has(permitted_, capability); }

 private:
  static bool has(std::uint64_t set, Capability capability) {
    return (set >> static_cast<unsigned>(capability) & 1) != 0;
  }
  std::uint64_t effective_ = 0, permitted_ = 0;
};

}  // namespace weir
