#include "record/ip_protocol.h"

#include <fmt/format.h>

namespace weir {

std::string ip_protocol_text(std::uint8_t number) {
  switch (number) {
    case 1:
      return "icmp";
    case 2:
      return "igmp";
    case 6:
      return "tcp";
    case 17:
      return "udp";
    case 47:
      return "gre";
    case 50:
      return "esp";
    case 58:
      return "icmpv6";
    case 132:
      return "sctp";
    default:
      return fmt::format("ip-{}", number);
  }
}

}  // namespace weir
