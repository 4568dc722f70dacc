// How what the TC hook sees of a frame differs from what the device counts of it.
#pragma once

#include <cstdint>

#include "abi/traffic_slot.h"
#include "kernel/interface.h"

namespace weir {

// false: tun, WireGuard, PPP, IP over InfiniBand, ...
bool has_ethernet_header(const Interface& interface);

// Bytes of each frame that the device does not count and the hook sees: these devices look at the
// packet when its link header has been taken off. Tunnels count what they send from the network
// header within.
std::uint64_t uncounted_header_bytes(const Interface& interface, traffic_direction direction);

}  // namespace weir
