#include "kernel/interface.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "kernel/netlink.h"

namespace weir {
namespace {

using Octets = std::vector<std::uint8_t>;

template <class Value>
Octets octets_of(const Value& value) {
  Octets octets(sizeof value);
  std::memcpy(octets.data(), &value, sizeof value);
  return octets;
}

Octets attribute(unsigned type, const Octets& value) {
  rtattr header{};
  header.rta_len = static_cast<unsigned short>(sizeof header + value.size());
  header.rta_type = static_cast<unsigned short>(type);
  Octets octets = octets_of(header);
  octets.insert(octets.end(), value.begin(), value.end());
  octets.resize((octets.size() + 3) / 4 * 4);
  return octets;
}

Octets text(std::string_view value) {
  Octets octets(value.begin(), value.end());
  octets.push_back(0);
  return octets;
}

Octets link(std::uint8_t family, int index, const std::vector<Octets>& attributes) {
  ifinfomsg header{};
  header.ifi_family = family;
  header.ifi_index = index;
  header.ifi_type = ARPHRD_ETHER;
  header.ifi_flags = IFF_UP;
  Octets message = octets_of(header);
  for (const auto& one : attributes) message.insert(message.end(), one.begin(), one.end());
  return message;
}

TEST(InterfaceTest, ReadsALinkMessage) {
  const auto info = attribute(IFLA_INFO_KIND, text("veth"));
  const auto parsed =
      parse_link(link(AF_UNSPEC, 7,
                      {attribute(IFLA_IFNAME, text("veth0")), attribute(IFLA_MTU, octets_of(1500U)),
                       attribute(IFLA_ADDRESS, {2, 0, 0, 0, 0, 0xab}),
                       attribute(IFLA_LINKINFO | NLA_F_NESTED, info)}));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->index, 7U);
  EXPECT_EQ(parsed->name, "veth0");
  EXPECT_EQ(parsed->mtu, 1500U);
  EXPECT_EQ(parsed->mac_text(), "02:00:00:00:00:ab");
  EXPECT_EQ(parsed->kind_or_hardware(), "veth");
  EXPECT_EQ(parsed->state(), "no-carrier");
  EXPECT_FALSE(parsed->is_loopback());
}

TEST(InterfaceTest, ABridgePortsMessageIsNotAboutTheInterface) {
  EXPECT_FALSE(parse_link(link(AF_BRIDGE, 7, {attribute(IFLA_IFNAME, text("veth0"))})));
}

TEST(InterfaceTest, EveryTruncationIsHarmless) {
  const auto whole = link(AF_UNSPEC, 7,
                          {attribute(IFLA_IFNAME, text("veth0")),
                           attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text("veth")))});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto parsed = parse_link(cut);
    if (parsed) {
      EXPECT_EQ(parsed->name, "veth0");
    }
  }
}

TEST(InterfaceTest, KindFallsBackToTheHardware) {
  Interface interface;
  interface.hardware_type = ARPHRD_NONE;
  EXPECT_EQ(interface.kind_or_hardware(), "tun");
  interface.hardware_type = 9999;
  EXPECT_EQ(interface.kind_or_hardware(), "arphrd-9999");
  EXPECT_EQ(interface.state(), "down");
  EXPECT_EQ(interface.mac_text(), "");
}

TEST(NetlinkTest, AttributesOfAbsurdLengthEndTheList) {
  Octets bad = attribute(IFLA_MTU, octets_of(9U));
  bad.resize(12);  // a second header of length 0
  EXPECT_EQ(netlink_attributes(bad, 0).size(), 1U);
  const rtattr longer{200, IFLA_MTU};
  EXPECT_TRUE(netlink_attributes(octets_of(longer), 0).empty());
  EXPECT_TRUE(netlink_attributes(bad, 100).empty());
  const Octets shorter{1, 2};
  EXPECT_EQ((NetlinkAttribute{IFLA_MTU, shorter}.u32()), 0U);
}

TEST(InterfaceTest, TheLoopbackOfThisMachineIsListed) {
  const auto interfaces = list_interfaces();
  ASSERT_TRUE(interfaces) << interfaces.error().text();
  ASSERT_FALSE(interfaces->empty());
  EXPECT_EQ(interfaces->front().index, 1U);
  EXPECT_TRUE(interfaces->front().is_loopback());
}

}  // namespace
}  // namespace weir
