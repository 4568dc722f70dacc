#include "output/dropin/netprobe.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir {
namespace {

constexpr Nanos kNow = 1'700'000'000 * kSecond;

// The example of the predecessor's README.
InterfaceSample eth0() {
  InterfaceSample sample;
  sample.index = 2;
  sample.name = "eth0";
  sample.ingress = {1543, 98752, 0, 0};
  sample.egress = {1234, 78976, 0, 0};
  sample.ingress_rate = {12.5, 800, 0, 0};
  sample.egress_rate = {9.8, 640.25, 0, 0};
  sample.active = sample.ever_active = true;
  return sample;
}

std::string page(const NetprobeReadings& readings, bool active_only = false) {
  std::string out;
  append_netprobe_families(out, readings, active_only);
  return out;
}

TEST(Netprobe, ThePageOfItsReadme) {
  EXPECT_EQ(page({{eth0()}, 7, kNow + 999'999'999}),
            R"(# HELP netprobe_tc_packets_total Total number of packets processed by TC
# TYPE netprobe_tc_packets_total counter
netprobe_tc_packets_total{direction="ingress",ifindex="2",interface="eth0"} 1543
netprobe_tc_packets_total{direction="egress",ifindex="2",interface="eth0"} 1234

# HELP netprobe_tc_bytes_total Total number of bytes processed by TC
# TYPE netprobe_tc_bytes_total counter
netprobe_tc_bytes_total{direction="ingress",ifindex="2",interface="eth0"} 98752
netprobe_tc_bytes_total{direction="egress",ifindex="2",interface="eth0"} 78976

# HELP netprobe_tc_packets_per_second Rate of packets per second processed by TC
# TYPE netprobe_tc_packets_per_second gauge
netprobe_tc_packets_per_second{direction="ingress",ifindex="2",interface="eth0"} 12.5
netprobe_tc_packets_per_second{direction="egress",ifindex="2",interface="eth0"} 9.8

# HELP netprobe_tc_bytes_per_second Rate of bytes per second processed by TC
# TYPE netprobe_tc_bytes_per_second gauge
netprobe_tc_bytes_per_second{direction="ingress",ifindex="2",interface="eth0"} 800
netprobe_tc_bytes_per_second{direction="egress",ifindex="2",interface="eth0"} 640.25

# HELP netprobe_interface_active Whether the network interface is currently active
# TYPE netprobe_interface_active gauge
netprobe_interface_active{ifindex="2",interface="eth0"} 1

# HELP netprobe_up Whether the netprobe exporter is up
# TYPE netprobe_up gauge
netprobe_up 1

# HELP netprobe_collection_total Total number of metric collections performed
# TYPE netprobe_collection_total counter
netprobe_collection_total 7

# HELP netprobe_last_collection_timestamp_seconds Unix timestamp of the last collection
# TYPE netprobe_last_collection_timestamp_seconds gauge
netprobe_last_collection_timestamp_seconds 1700000000
)");
}

TEST(Netprobe, UpAloneBeforeTheFirstCollection) {
  EXPECT_EQ(page({{eth0()}, 0, 0}),
            "# HELP netprobe_up Whether the netprobe exporter is up\n"
            "# TYPE netprobe_up gauge\n"
            "netprobe_up 1\n");
}

TEST(Netprobe, ActiveOnlyKeepsWhatHasBeenActive) {
  InterfaceSample never = eth0(), idle = eth0();
  never.name = "never";
  never.active = never.ever_active = false;
  idle.name = "idle";
  idle.active = false;
  const NetprobeReadings readings{{never, idle, eth0()}, 1, kNow};
  const std::string some = page(readings, true);
  EXPECT_EQ(some.find("never"), std::string::npos);
  EXPECT_NE(some.find("netprobe_interface_active{ifindex=\"2\",interface=\"idle\"} 0\n"),
            std::string::npos);
  EXPECT_NE(some.find("interface=\"eth0\"} 1\n"), std::string::npos);
  EXPECT_NE(page(readings).find("netprobe_interface_active{ifindex=\"2\",interface=\"never\"} 0\n"),
            std::string::npos);
  // A family without a series is not begun.
  EXPECT_TRUE(page({{never}, 1, kNow}, true).starts_with("# HELP netprobe_up "));
}

TEST(Netprobe, NumbersAndNames) {
  InterfaceSample odd = eth0();
  odd.name = "a\"b\\";
  odd.ingress = {UINT64_MAX, 0, 0, 0};
  odd.ingress_rate = {0, 1234567890123.4, 0, 0};
  odd.egress_rate = {0.0004, 1.0 / 3, 0, 0};
  const std::string out = page({{odd}, 1, kNow});
  const std::string labels = R"({direction="ingress",ifindex="2",interface="a\"b\\"} )";
  EXPECT_NE(out.find("packets_total" + labels + "18446744073709551615\n"), std::string::npos);
  EXPECT_NE(out.find("packets_per_second" + labels + "0\n"), std::string::npos);
  EXPECT_NE(out.find("bytes_per_second" + labels + "1234567890123.4\n"), std::string::npos) << out;
  EXPECT_NE(out.find(" 0.333\n"), std::string::npos);
}

TEST(Netprobe, Health) {
  NetprobeHealth health{kNow, 2 * kSecond, 5 * kSecond, kNow - 2 * kSecond, 8081, 3, 12, 4};
  EXPECT_EQ(render_netprobe_health(health), R"({
  "status": "ok",
  "timestamp": "2023-11-14T22:13:20Z",
  "server": {
    "running": true,
    "port": 8081,
    "requests": 3,
    "metrics": 12,
    "collections": 4,
    "last_collection": "2023-11-14T22:13:18Z"
  }
})");
  health.age = 30 * kSecond;
  EXPECT_FALSE(health.stale());
  health.age += 1;
  EXPECT_TRUE(health.stale());
  EXPECT_EQ(nlohmann::json::parse(render_netprobe_health(health))["status"], "stale");
  health.interval = 60 * kSecond;
  EXPECT_FALSE(health.stale());
  health.age = 181 * kSecond;
  EXPECT_TRUE(health.stale());
  EXPECT_EQ(nlohmann::json::parse(render_netprobe_health({}))["server"]["last_collection"],
            "0001-01-01T00:00:00Z");
}

TEST(Netprobe, SeriesAndRootPage) {
  EXPECT_EQ(count_series(""), 0U);
  EXPECT_EQ(count_series(page({{eth0()}, 7, kNow})), 12U);
  EXPECT_EQ(count_series(page({})), 1U);
  const std::string root = render_netprobe_root("/a\"<b", 8081);
  EXPECT_NE(root.find("<a href=\"/a&#34;&#60;b\">"), std::string::npos);
  EXPECT_NE(root.find("netprobe_last_collection_timestamp_seconds"), std::string::npos);
  EXPECT_NE(root.find("port 8081"), std::string::npos);
}

}  // namespace
}  // namespace weir
