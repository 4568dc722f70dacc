// Why the kernel did not take a program, for people: the capabilities it needs, or what libbpf
// said.
#pragma once

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <string>

#include "base/result.h"
#include "kernel/libbpf_log.h"
#include "kernel/privileges.h"

namespace weir {

// `error` is an errno value.
inline tl::unexpected<Error> load_error(std::string what, int error,
                                        std::initializer_list<Capability> needed,
                                        const LibbpfLog& log) {
  const auto mine = Privileges::of_this_thread();
  const bool lacks = std::any_of(needed.begin(), needed.end(), [&](Capability one) {
    return !mine.effective(one) && !mine.suffices(one);
  });
  // Without CAP_PERFMON the verifier refuses programs as if they were faulty.
  if (error == EPERM || error == EACCES || lacks) {
    what += " (" + what_is_missing(needed) + ")";
  } else if (!log.first_warning().empty()) {
    what += " (" + log.first_warning() + ")";
  }
  return system_failure(std::move(what), error);
}

}  // namespace weir
