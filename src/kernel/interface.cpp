#include "kernel/interface.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "kernel/netlink.h"

namespace weir {
namespace {

std::string link_kind(const NetlinkAttribute& link_info) {
  for (const auto& attribute : netlink_attributes(link_info.value, 0)) {
    if (attribute.type == IFLA_INFO_KIND) return std::string(attribute.text());
  }
  return {};
}

std::string address_text(int family, Bytes address, unsigned prefix) {
  char text[INET6_ADDRSTRLEN];
  if (address.size() != (family == AF_INET ? 4U : 16U)) return {};
  if (inet_ntop(family, address.data(), text, sizeof text) == nullptr) return {};
  return fmt::format("{}/{}", text, prefix);
}

void add_address(std::map<std::uint32_t, Interface>& interfaces, Bytes payload) {
  ifaddrmsg header{};
  if (payload.size() < sizeof header) return;
  std::memcpy(&header, payload.data(), sizeof header);
  const auto owner = interfaces.find(header.ifa_index);
  if (owner == interfaces.end()) return;
  if (header.ifa_family != AF_INET && header.ifa_family != AF_INET6) return;
  Bytes address;
  for (const auto& attribute : netlink_attributes(payload, sizeof header)) {
    // On a point-to-point link IFA_ADDRESS is the other end's and IFA_LOCAL this one's.
    if (attribute.type == IFA_LOCAL) address = attribute.value;
    if (attribute.type == IFA_ADDRESS && address.empty()) address = attribute.value;
  }
  auto text = address_text(header.ifa_family, address, header.ifa_prefixlen);
  if (!text.empty()) owner->second.addresses.push_back(std::move(text));
}

}  // namespace

bool Interface::is_up() const { return (flags & IFF_UP) != 0; }
bool Interface::is_loopback() const { return hardware_type == ARPHRD_LOOPBACK; }

std::string_view Interface::state() const {
  if (!is_up()) return "down";
  return (flags & IFF_RUNNING) != 0 ? "up" : "no-carrier";
}

std::string Interface::kind_or_hardware() const {
  if (!kind.empty()) return kind;
  switch (hardware_type) {
    case ARPHRD_ETHER:
      return "ethernet";
    case ARPHRD_LOOPBACK:
      return "loopback";
    case ARPHRD_INFINIBAND:
      return "infiniband";
    case ARPHRD_PPP:
      return "ppp";
    case ARPHRD_TUNNEL:
      return "ipip";
    case ARPHRD_SIT:
      return "sit";
    case ARPHRD_IPGRE:
      return "gre";
    case ARPHRD_NONE:
      return "tun";
    default:
      return fmt::format("arphrd-{}", hardware_type);
  }
}

std::string Interface::mac_text() const {
  std::string text;
  for (const auto byte : mac) text += fmt::format("{}{:02x}", text.empty() ? "" : ":", byte);
  return text;
}

std::optional<Interface> parse_link(Bytes payload) {
  ifinfomsg header{};
  if (payload.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, payload.data(), sizeof header);
  if (header.ifi_family != AF_UNSPEC || header.ifi_index <= 0) return std::nullopt;
  Interface interface;
  interface.index = static_cast<std::uint32_t>(header.ifi_index);
  interface.flags = header.ifi_flags;
  interface.hardware_type = header.ifi_type;
  for (const auto& attribute : netlink_attributes(payload, sizeof header)) {
    if (attribute.type == IFLA_IFNAME) interface.name = attribute.text();
    if (attribute.type == IFLA_MTU) interface.mtu = attribute.u32();
    if (attribute.type == IFLA_ADDRESS) {
      interface.mac.assign(attribute.value.begin(), attribute.value.end());
    }
    if (attribute.type == IFLA_LINKINFO) interface.kind = link_kind(attribute);
  }
  if (interface.name.empty()) return std::nullopt;
  return interface;
}

Result<std::vector<Interface>> list_interfaces() {
  auto netlink = Netlink::open(0);
  if (!netlink) return tl::unexpected(netlink.error());
  std::map<std::uint32_t, Interface> interfaces;
  const auto links = netlink->dump(RTM_GETLINK, [&](const NetlinkMessage& message) {
    if (message.type != RTM_NEWLINK) return;
    if (auto link = parse_link(message.payload)) interfaces[link->index] = std::move(*link);
  });
  if (!links) return tl::unexpected(links.error());
  const auto addresses = netlink->dump(RTM_GETADDR, [&](const NetlinkMessage& message) {
    if (message.type == RTM_NEWADDR) add_address(interfaces, message.payload);
  });
  if (!addresses) return tl::unexpected(addresses.error());
  std::vector<Interface> list;
  for (auto& [index, interface] : interfaces) list.push_back(std::move(interface));
  return list;
}

}  // namespace weir
