#include "kernel/host_address.h"

#include <gtest/gtest.h>
#include <linux/if_addr.h>

#include "unit/kernel/netlink_builder.h"

namespace weir {
namespace {

const Octets kIpv4 = {10, 0, 0, 1};
const Octets kIpv6 = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
const Octets kLinkLocal = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};

Octets address(std::uint32_t index, const Octets& octets, unsigned char scope = RT_SCOPE_UNIVERSE,
               std::uint32_t flags = IFA_F_PERMANENT) {
  ifaddrmsg header{};
  header.ifa_family = octets.size() == 4 ? AF_INET : AF_INET6;
  header.ifa_scope = scope;
  header.ifa_index = index;
  return joined(octets_of(header),
                {attribute(IFA_ADDRESS, octets), attribute(IFA_FLAGS, octets_of(flags))});
}

Octets route(const Octets& source, unsigned char type = RTN_UNICAST) {
  rtmsg header{};
  header.rtm_family = source.size() == 4 ? AF_INET : AF_INET6;
  header.rtm_type = type;
  return joined(octets_of(header), {attribute(RTA_PREFSRC, source)});
}

// The one that is chosen of them, whatever their order.
std::string chosen(std::vector<Octets> messages) {
  HostAddresses forward, backward;
  for (const Octets& message : messages) forward.add(message);
  for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
    backward.add(*message);
  }
  EXPECT_EQ(forward.of(3), backward.of(3));
  return std::string(forward.of(3));
}

TEST(HostAddresses, TheBestOfAnInterface) {
  EXPECT_EQ(chosen({}), "unknown");
  EXPECT_EQ(chosen({address(3, kIpv6), address(3, kIpv4)}), "10.0.0.1");
  EXPECT_EQ(chosen({address(3, kIpv6), address(4, kIpv4)}), "2001:db8::9");
  EXPECT_EQ(chosen({address(3, kLinkLocal, RT_SCOPE_LINK)}), "unknown");
  EXPECT_EQ(chosen({address(3, {127, 0, 0, 1}, RT_SCOPE_HOST)}), "unknown");
  EXPECT_EQ(chosen({address(3, {169, 254, 0, 1}, RT_SCOPE_LINK), address(3, kIpv6)}),
            "169.254.0.1");
  EXPECT_EQ(chosen({address(3, {169, 254, 0, 1}, RT_SCOPE_LINK), address(3, kIpv4)}), "10.0.0.1");
  EXPECT_EQ(chosen({address(3, {10, 0, 0, 2}, 0, IFA_F_SECONDARY), address(3, kIpv4)}), "10.0.0.1");
  Octets temporary = kIpv6;
  temporary.back() = 7;
  EXPECT_EQ(chosen({address(3, temporary, 0, IFA_F_TEMPORARY), address(3, kIpv6)}), "2001:db8::9");
  EXPECT_EQ(chosen({address(3, kIpv6, 0, IFA_F_TENTATIVE)}), "unknown");
}

TEST(HostAddresses, TheFirstOfEquals) {
  HostAddresses addresses;
  addresses.add(address(3, kIpv4));
  addresses.add(address(3, {10, 1, 0, 1}));
  EXPECT_EQ(addresses.of(3), "10.0.0.1");
}

TEST(HostAddresses, TheOwnEndOfALink) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_index = 3;
  HostAddresses addresses;
  addresses.add(joined(octets_of(header),
                       {attribute(IFA_ADDRESS, {10, 0, 0, 2}), attribute(IFA_LOCAL, kIpv4)}));
  EXPECT_EQ(addresses.of(3), "10.0.0.1");
}

TEST(HostAddresses, ElseWhereTheDefaultRouteSendsFrom) {
  HostAddresses addresses;
  addresses.add(address(3, kIpv6));
  addresses.add_route(route(kLinkLocal));
  EXPECT_EQ(addresses.of(9), "unknown");
  addresses.add_route(route({192, 0, 2, 1}));
  addresses.add_route(route({127, 0, 0, 1}, RTN_LOCAL));
  EXPECT_EQ(addresses.of(3), "2001:db8::9");
  EXPECT_EQ(addresses.of(9), "192.0.2.1");
}

TEST(HostAddresses, EveryTruncationIsHarmless) {
  each_truncation(address(3, kIpv4), [](const Octets& cut) {
    HostAddresses addresses;
    addresses.add(cut);
    EXPECT_TRUE(addresses.of(3) == "unknown" || addresses.of(3) == "10.0.0.1");
  });
  each_truncation(route(kIpv4), [](const Octets& cut) {
    HostAddresses addresses;
    addresses.add_route(cut);
    EXPECT_TRUE(addresses.of(3) == "unknown" || addresses.of(3) == "10.0.0.1");
  });
}

}  // namespace
}  // namespace weir
