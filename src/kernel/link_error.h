// Why a program could not be attached to an interface, for people.
#pragma once

#include <string>

#include "base/result.h"
#include "kernel/privileges.h"

namespace weir {

inline tl::unexpected<Error> link_error(std::string what, int error) {
  if (error == EPERM || error == EACCES) {
    what += " (" + what_is_missing({Capability::kNetAdmin}) + ")";
  }
  return system_failure(std::move(what), error);
}

}  // namespace weir
