// Interface: a network interface of this network namespace, as the kernel describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace weir {

struct Interface {
  std::uint32_t index = 0;
  std::string name;
  std::uint32_t flags = 0;          // IFF_*
  std::uint16_t hardware_type = 0;  // ARPHRD_*
  std::uint32_t mtu = 0;
  std::vector<std::uint8_t> mac;       // empty where the link has none
  std::string kind;                    // veth, vxlan, bridge, ...; empty for hardware
  std::vector<std::string> addresses;  // 10.0.0.1/24; filled by list_interfaces() only

  bool is_up() const;
  bool is_loopback() const;
  // up; no-carrier (switched on, but nothing at the other end); down.
  std::string_view state() const;
  // kind, or for what is no virtual device: loopback, ethernet, tun, ... or arphrd-N.
  std::string kind_or_hardware() const;
  // 02:fc:00:00:00:01; empty where the link has none.
  std::string mac_text() const;
};

// The payload of an RTM_NEWLINK or RTM_DELLINK message. Nothing for one that is not about the
// interface itself (bridge ports are told in messages of their own), or is cut short.
std::optional<Interface> parse_link(Bytes payload);

// All interfaces by index, with all their addresses.
Result<std::vector<Interface>> list_interfaces();

}  // namespace weir
