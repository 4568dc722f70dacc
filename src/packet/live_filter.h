// LiveFilter: the user's expression in classic BPF, as the capture program takes it; and where that
// cannot be loaded, all that the kernel keeps out of a capture ring as one classic program:
// loopback's second sighting, interfaces that were not asked for, and the expression.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir {

class LiveFilter {
 public:
  using Program = std::vector<sock_filter>;

  // The expression is libpcap's (pcap-filter(7)), empty for all packets; it looks at the outermost
  // headers. Where it speaks of Ethernet it holds on Ethernet and loopback; on devices without a
  // link header (tun, ipip, ...) what it cannot hold on is left out. `vlan` is refused: the kernel
  // has taken the tag off by then, and an expression without it matches tagged packets too. Of a
  // packet that passes, `snap_length` bytes are captured.
  static Result<LiveFilter> compile(const std::string& expression, std::uint32_t snap_length);

  // The whole program for these interface indexes; all interfaces without.
  Result<Program> program(const std::optional<std::vector<std::uint32_t>>& interfaces) const;

  const Program& ethernet() const { return ethernet_; }
  const Program& network_layer() const { return raw_; }

  // Lets nothing through: in place until a socket is set up.
  static Program nothing();

 private:
  Program ethernet_, raw_;  // by what a packet begins with
};

}  // namespace weir
