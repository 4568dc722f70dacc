// weir list: the network interfaces.
#pragma once

#include <ostream>

namespace weir {

// An aligned table; with `json` one object per line:
//   interface, ifindex, state (up, no-carrier, down), kind (veth, bridge, ethernet, loopback, ...),
//   mtu, mac (absent where the link has none), addresses (list of address/prefix, in CIDR form)
// Returns the exit status: 0, or 1 when the kernel does not answer.
int run_list(bool json, std::ostream& out);

}  // namespace weir
