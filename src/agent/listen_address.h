// ListenAddress: where a server listens. What --listen takes: "127.0.0.1:9911", "[::1]:9911",
// "[::]:9911", "localhost:0".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir {

struct ListenAddress {
  // "" and "::" are all addresses, IPv6 and IPv4; IPv4 alone where the kernel has no IPv6.
  std::string host;
  std::uint16_t port = 0;  // 0: the system chooses one

  static Result<ListenAddress> parse(std::string_view text);
};

}  // namespace weir
