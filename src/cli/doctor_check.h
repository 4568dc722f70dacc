// A line of `weir doctor`: one thing that a lens needs or makes use of, and whether it is there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/privileges.h"

namespace weir {

// kLimited: the lens works without, but not as well.
enum class State { kOk, kLimited, kMissing };

struct Check {
  std::string name;
  State state;
  std::string detail;
  std::string advice;
};

struct LensCheckup {
  std::vector<Check> checks;
  bool works = false;
};

Check check_capability(const Privileges& mine, Capability capability, State without,
                       std::string_view purpose);

LensCheckup check_interfaces();
LensCheckup check_flows();
LensCheckup check_connections();
LensCheckup check_drops();
LensCheckup check_requests();

}  // namespace weir
