#include "kernel/drop_counters.h"

#include <gtest/gtest.h>

#include <map>

namespace weir {
namespace {

TEST(DropCountersTest, OfTcp) {
  std::map<std::string, std::uint64_t> found;
  parse_netstat_drops(
      "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPZeroWindowDrop\n"
      "TcpExt: 9 3 4 18446744073709551615\n"
      "IpExt: InNoRoutes ListenDrops\n"
      "IpExt: 1 77\n",
      [&](std::string_view name, std::string_view interface, std::uint64_t value) {
        EXPECT_EQ(interface, "");
        found[std::string(name)] = value;
      });
  EXPECT_EQ(found, (std::map<std::string, std::uint64_t>{
                       {"TcpExtListenOverflows", 3},
                       {"TcpExtListenDrops", 4},
                       {"TcpExtTCPZeroWindowDrop", 18446744073709551615U}}));
}

TEST(DropCountersTest, CutTextIsRead) {
  int found = 0;
  const auto count = [&](auto&&...) { ++found; };
  parse_netstat_drops("TcpExt: ListenDrops ListenOverflows\nTcpExt: 4", count);
  EXPECT_EQ(found, 1);
  parse_netstat_drops("TcpExt: ListenDrops", count);
  parse_netstat_drops("", count);
  EXPECT_EQ(found, 1);
}

TEST(DropCountersTest, OfTheProcessorsQueues) {
  EXPECT_EQ(parse_softnet_drops("141971ee 00000508 000000a8 00000000\n1cd5a4e9 00000010 0\n"),
            0x518U);
  EXPECT_EQ(parse_softnet_drops("nonsense\n"), 0U);
}

TEST(DropCountersTest, NamesOfDrivers) {
  for (const char* name : {"rx_queue_0_xdp_drops", "rx_discards_phy", "rx_out_of_buffer",
                           "rx0_no_buf", "rx_queue_3_drops"}) {
    EXPECT_TRUE(names_drops(name)) << name;
  }
  EXPECT_FALSE(names_drops("rx_queue_0_xdp_packets"));
}

}  // namespace
}  // namespace weir
