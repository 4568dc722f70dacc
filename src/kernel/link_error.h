// Why a program could not be attached to an interface, for people.
#pragma once

#include <string>

#include "base/result.h"

namespace weir {

inline tl::unexpected<Error> link_error(std::string what, int error) {
  if (error == EPERM || error == EACCES) {
    what +=
        " (needs cap_net_admin: run as root or: sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep "
        "weir)";
  }
  return system_failure(std::move(what), error);
}

}  // namespace weir
