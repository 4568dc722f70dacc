// The addresses that tell of an interface, in network namespaces of the test's own. Needs root and
// ip; skips without.
#include "kernel/host_address.h"

#include <gtest/gtest.h>

#include <thread>

#include "live/own_namespace.h"

namespace weir {
namespace {

std::string host_address(const char* interface) {
  const auto addresses = HostAddresses::read();
  if (!addresses) return addresses.error().text();
  return std::string(addresses->of(index_of(interface)));
}

void run(const std::string& words) { ASSERT_EQ(ip_command(words), 0) << "ip " << words; }

// In a thread with a namespace of its own, where va and vb are up.
template <class Work>
bool in_namespace(const Work& work) {
  bool entered = false;
  std::thread([&] {
    entered = enter_own_namespace() && ip_command("link set va up addrgenmode none") == 0 &&
              ip_command("link set vb up addrgenmode none") == 0;
    if (entered) work();
  }).join();
  return entered;
}

TEST(HostAddressesLive, OfTheInterfaceElseOfTheDefaultRoute) {
  const bool ran = in_namespace([] {
    EXPECT_EQ(host_address("va"), "unknown");
    EXPECT_EQ(host_address("lo"), "unknown");
    run("addr add 2001:db8::1/64 dev va nodad");
    EXPECT_EQ(host_address("va"), "2001:db8::1");
    EXPECT_EQ(host_address("vb"), "unknown");
    run("-6 route add default via 2001:db8::2");
    EXPECT_EQ(host_address("vb"), "2001:db8::1");
    EXPECT_EQ(host_address("lo"), "2001:db8::1");
    run("addr add 10.9.0.1/24 dev va");
    run("addr add 10.9.0.2/24 dev va");
    EXPECT_EQ(host_address("va"), "10.9.0.1");
    EXPECT_EQ(host_address("vb"), "2001:db8::1");
    run("route add default via 10.9.0.9 src 10.9.0.2");
    EXPECT_EQ(host_address("vb"), "10.9.0.2");
    run("addr add 192.0.2.1/32 dev lo");
    EXPECT_EQ(host_address("lo"), "192.0.2.1");
    run("addr del 10.9.0.2/24 dev va");
    run("addr del 10.9.0.1/24 dev va");
    EXPECT_EQ(host_address("va"), "2001:db8::1");
    EXPECT_EQ(host_address("vb"), "2001:db8::1");
  });
  if (!ran) GTEST_SKIP() << "needs root and ip";
}

TEST(HostAddressesLive, OfAPointToPointLinkTheOwnEnd) {
  const bool ran = in_namespace([] {
    run("addr add 10.9.0.1 peer 10.9.0.2 dev va");
    EXPECT_EQ(host_address("va"), "10.9.0.1");
  });
  if (!ran) GTEST_SKIP() << "needs root and ip";
}

TEST(HostAddressesLive, ARouteThatRefusesIsNone) {
  const bool ran = in_namespace([] {
    run("addr add 10.9.0.1/24 dev va");
    run("route add blackhole default");
    EXPECT_EQ(host_address("vb"), "unknown");
  });
  if (!ran) GTEST_SKIP() << "needs root and ip";
}

}  // namespace
}  // namespace weir
