#include "kernel/interface.h"

#include <gtest/gtest.h>

#include "kernel/netlink.h"
#include "unit/kernel/netlink_builder.h"

namespace weir {
namespace {

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
  each_truncation(whole, [](const Octets& cut) {
    if (const auto parsed = parse_link(cut)) {
      EXPECT_EQ(parsed->name, "veth0");
    }
  });
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

TEST(NetlinkTest, AsksForOneObject) {
  auto netlink = Netlink::open(0);
  ASSERT_TRUE(netlink) << netlink.error().text();
  ifinfomsg question{};
  question.ifi_index = 1;
  std::vector<std::string> names;
  const auto note = [&](const NetlinkMessage& message) {
    if (const auto link = parse_link(message.payload)) names.push_back(link->name);
  };
  ASSERT_TRUE(netlink->ask(RTM_GETLINK, header_bytes(question), note));
  EXPECT_EQ(names, std::vector<std::string>{"lo"});
  question.ifi_index = 0x7fffffff;
  EXPECT_FALSE(netlink->ask(RTM_GETLINK, header_bytes(question), note));
  EXPECT_EQ(names.size(), 1U);
  // And the socket is fit for the next question.
  EXPECT_TRUE(netlink->dump(RTM_GETLINK, note));
  EXPECT_GE(names.size(), 2U);
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
