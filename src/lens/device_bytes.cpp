#include "lens/device_bytes.h"

#include <net/if_arp.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace weir {

constexpr std::uint64_t kEthernetHeaderBytes = 14;

bool has_ethernet_header(const Interface& interface) {
  return interface.hardware_type == ARPHRD_ETHER || interface.is_loopback();
}

std::uint64_t uncounted_header_bytes(const Interface& interface, traffic_direction direction) {
  if (interface.is_loopback()) return kEthernetHeaderBytes;
  const auto is_one_of = [&](std::initializer_list<std::string_view> kinds) {
    return std::find(kinds.begin(), kinds.end(), interface.kind) != kinds.end();
  };
  const bool strips = direction == TRAFFIC_INGRESS
                          ? is_one_of({"bridge", "team", "vlan", "vxlan", "geneve", "ip6gretap"})
                          : is_one_of({"vxlan", "geneve", "gretap", "ip6gretap", "erspan"});
  return strips ? kEthernetHeaderBytes : 0;
}

}  // namespace weir
