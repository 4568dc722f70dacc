// Why the kernel did not take a program, for people: the capabilities it needs, or what libbpf
// said.
#pragma once

#include <string>

#include "base/result.h"
#include "kernel/libbpf_log.h"

namespace weir {

// `error` is an errno value; `capabilities` as setcap(8) takes them.
inline tl::unexpected<Error> load_error(std::string what, int error, const char* capabilities,
                                        const LibbpfLog& log) {
  if (error == EPERM || error == EACCES) {
    what += std::string(" (needs ") + capabilities + ": run as root or: sudo setcap " +
            capabilities + "+ep weir)";
  } else if (!log.first_warning().empty()) {
    what += " (" + log.first_warning() + ")";
  }
  return system_failure(std::move(what), error);
}

}  // namespace weir
