#include "kernel/device_statistics.h"

#include <gtest/gtest.h>
#include <linux/if_link.h>

#include "unit/kernel/netlink_builder.h"

namespace weir {
namespace {

rtnl_link_stats64 counts() {
  rtnl_link_stats64 made{};
  made.rx_packets = 1;
  made.tx_packets = 2;
  made.rx_bytes = 0x1'0000'0003;
  made.tx_bytes = 4;
  made.rx_errors = 5;
  made.tx_errors = 6;
  made.rx_dropped = 7;
  made.tx_dropped = 8;
  made.multicast = 9;
  made.collisions = 10;
  made.rx_crc_errors = 11;
  made.rx_missed_errors = 12;
  made.tx_window_errors = 13;
  made.rx_nohandler = 14;
  made.rx_otherhost_dropped = 15;
  return made;
}

Octets message(const Octets& statistics) {
  return link(AF_UNSPEC, 7,
              {attribute(IFLA_IFNAME, text("veth0")), attribute(IFLA_STATS64, statistics),
               attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text("veth")))});
}

TEST(DeviceStatistics, ReadsALinkMessage) {
  const auto parsed = parse_device_statistics(message(octets_of(counts())));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->index, 7U);
  EXPECT_EQ(parsed->name, "veth0");
  EXPECT_EQ(parsed->kind, "veth");
  EXPECT_EQ(parsed->rx_packets, 1U);
  EXPECT_EQ(parsed->tx_packets, 2U);
  EXPECT_EQ(parsed->rx_bytes, 0x1'0000'0003U);
  EXPECT_EQ(parsed->tx_bytes, 4U);
  EXPECT_EQ(parsed->rx_errors, 5U);
  EXPECT_EQ(parsed->tx_errors, 6U);
  EXPECT_EQ(parsed->rx_dropped, 7U);
  EXPECT_EQ(parsed->tx_dropped, 8U);
  EXPECT_EQ(parsed->multicast, 9U);
  EXPECT_EQ(parsed->collisions, 10U);
  EXPECT_EQ(parsed->rx_crc_errors, 11U);
  EXPECT_EQ(parsed->rx_missed_errors, 12U);
  EXPECT_EQ(parsed->tx_window_errors, 13U);
  EXPECT_EQ(parsed->rx_nohandler, 14U);
  EXPECT_EQ(parsed->rx_otherhost_dropped, 15U);
}

TEST(DeviceStatistics, AnOlderKernelsStructIsShorterANewerOnesLonger) {
  Octets shorter = octets_of(counts());
  shorter.resize(offsetof(rtnl_link_stats64, rx_nohandler));
  const auto old_kernel = parse_device_statistics(message(shorter));
  ASSERT_TRUE(old_kernel);
  EXPECT_EQ(old_kernel->tx_window_errors, 13U);
  EXPECT_EQ(old_kernel->rx_nohandler, 0U);
  Octets longer = octets_of(counts());
  longer.resize(longer.size() + 64, 0xff);
  const auto new_kernel = parse_device_statistics(message(longer));
  ASSERT_TRUE(new_kernel);
  EXPECT_EQ(new_kernel->rx_otherhost_dropped, 15U);
}

TEST(DeviceStatistics, WithoutStatisticsThereAreNone) {
  EXPECT_FALSE(parse_device_statistics(link(AF_UNSPEC, 7, {attribute(IFLA_IFNAME, text("a"))})));
  EXPECT_FALSE(parse_device_statistics(message({})));
}

TEST(DeviceStatistics, EveryTruncationIsHarmless) {
  each_truncation(message(octets_of(counts())), [](const Octets& cut) {
    if (const auto parsed = parse_device_statistics(cut)) {
      EXPECT_EQ(parsed->rx_packets, 1U);
    }
  });
}

TEST(DeviceStatistics, TheSamplesObject) {
  DeviceStatistics device;
  device.rx_packets = 1;
  device.tx_packets = 2;
  device.rx_bytes = ~std::uint64_t{0};
  device.tx_dropped = 6;
  device.tx_errors = 8;
  std::string json;
  append_device_json(json, device);
  EXPECT_EQ(json, R"({"rx_packets":1,"tx_packets":2,"rx_bytes":18446744073709551615,"tx_bytes":0,)"
                  R"("rx_dropped":0,"tx_dropped":6,"rx_errors":0,"tx_errors":8})");
}

}  // namespace
}  // namespace weir
