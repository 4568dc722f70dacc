// DropReasons: the running kernel's names of the reasons for which its core drops packets. They are
// numbered differently from kernel to kernel.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"

namespace weir {

struct DropReasons {
  // From the kernel's BTF: without the prefix that all share ("NO_SOCKET").
  std::map<std::uint32_t, std::string> names;
  // The tracepoint tells the socket that was to receive the packet.
  bool has_receiver = false;

  static Result<DropReasons> read();
};

}  // namespace weir
