#include "metrics/device_metrics.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace weir {
namespace {

DeviceReadings readings() {
  DeviceReadings all;
  DeviceStatistics device;
  device.index = 2;
  device.name = "eth0";
  device.rx_packets = 1;
  device.tx_packets = 2;
  device.rx_bytes = 3;
  device.tx_bytes = 4;
  device.rx_errors = 5;
  device.tx_errors = 6;
  device.rx_dropped = 7;
  device.tx_dropped = 8;
  device.rx_missed_errors = 9;
  device.rx_nohandler = 10;
  device.rx_otherhost_dropped = 11;
  device.rx_crc_errors = 12;
  device.multicast = 13;
  device.collisions = 14;
  all.devices.push_back(device);
  return all;
}

std::string page_of(const DeviceReadings& all) {
  std::string out;
  MetricPage page(out);
  add_device_metrics(page, all);
  return out;
}

void expect_line(const std::string& page, std::string_view line) {
  EXPECT_NE(("\n" + page).find("\n" + std::string(line) + "\n"), std::string::npos)
      << "no '" << line << "' in\n"
      << page;
}

TEST(DeviceMetrics, WhatADeviceCounts) {
  const std::string page = page_of(readings());
  for (
      const std::string_view line : {
          R"(weir_interface_device_packets_total{interface="eth0",direction="ingress"} 1)",
          R"(weir_interface_device_packets_total{interface="eth0",direction="egress"} 2)",
          R"(weir_interface_device_bytes_total{interface="eth0",direction="ingress"} 3)",
          R"(weir_interface_device_bytes_total{interface="eth0",direction="egress"} 4)",
          R"(weir_interface_device_errors_total{interface="eth0",direction="ingress"} 5)",
          R"(weir_interface_device_errors_total{interface="eth0",direction="egress"} 6)",
          R"(weir_interface_device_dropped_total{interface="eth0",direction="ingress",reason="unspecified"} 7)",
          R"(weir_interface_device_dropped_total{interface="eth0",direction="egress",reason="unspecified"} 8)",
          R"(weir_interface_device_dropped_total{interface="eth0",direction="ingress",reason="missed"} 9)",
          R"(weir_interface_device_dropped_total{interface="eth0",direction="ingress",reason="no_handler"} 10)",
          R"(weir_interface_device_dropped_total{interface="eth0",direction="ingress",reason="other_host"} 11)",
          R"(weir_interface_device_error_causes_total{interface="eth0",direction="ingress",cause="crc"} 12)",
          R"(weir_interface_device_multicast_packets_total{interface="eth0",direction="ingress"} 13)",
          R"(weir_interface_device_collisions_total{interface="eth0"} 14)",
      }) {
    expect_line(page, line);
  }
}

TEST(DeviceMetrics, OnlyHardwareTellsCauses) {
  auto all = readings();
  all.devices[0].kind = "veth";
  const std::string page = page_of(all);
  EXPECT_EQ(page.find("error_causes"), std::string::npos);
  EXPECT_EQ(page.find("collisions"), std::string::npos);
  expect_line(page, R"(weir_interface_device_errors_total{interface="eth0",direction="egress"} 6)");
}

TEST(DeviceMetrics, Qdiscs) {
  auto all = readings();
  all.qdiscs.push_back({2, "tbf", "8001:", "1:2", 1, 2, 3, 4, 5, 6, 7});
  all.qdiscs.push_back({2, "noqueue", "0:", "root", 9, 9, 9, 9, 9, 9, 9});
  all.qdiscs.push_back({77, "fq", "0:", "root", 9, 9, 9, 9, 9, 9, 9});
  const std::string page = page_of(all);
  const std::string labels = R"({interface="eth0",qdisc="tbf",handle="8001:",parent="1:2"} )";
  expect_line(page, "weir_interface_qdisc_bytes_total" + labels + "1");
  expect_line(page, "weir_interface_qdisc_packets_total" + labels + "2");
  expect_line(page, "weir_interface_qdisc_dropped_total" + labels + "3");
  expect_line(page, "weir_interface_qdisc_overlimits_total" + labels + "4");
  expect_line(page, "weir_interface_qdisc_requeues_total" + labels + "5");
  expect_line(page, "weir_interface_qdisc_backlog_bytes" + labels + "6");
  expect_line(page, "weir_interface_qdisc_backlog_packets" + labels + "7");
  EXPECT_EQ(page.find("noqueue"), std::string::npos);
  EXPECT_EQ(page.find("fq"), std::string::npos) << "of an interface that is not shown";
}

TEST(DeviceMetrics, Pauses) {
  auto all = readings();
  PauseCounters pauses;
  pauses.interface_index = 2;
  pauses.ingress[3] = {5, 1'000'001};
  pauses.egress[PauseName::kPlain] = {6, std::nullopt};
  pauses.egress[PauseName::kAll] = {7, std::nullopt};
  all.pauses.push_back(pauses);
  pauses.interface_index = 77;
  all.pauses.push_back(pauses);
  const std::string page = page_of(all);
  const std::string frames = "weir_interface_pause_frames_total";
  expect_line(page, frames + R"({interface="eth0",direction="ingress",priority="3"} 5)");
  expect_line(page, frames + R"({interface="eth0",direction="egress"} 6)");
  expect_line(page, frames + R"({interface="eth0",direction="egress",priority="all"} 7)");
  expect_line(
      page,
      R"(weir_interface_paused_seconds_total{interface="eth0",direction="ingress",priority="3"} 1.000001)");
}

TEST(DeviceMetrics, RdmaPorts) {
  auto all = readings();
  RdmaPort port{"mlx5_0", 1, {"eth0", "eth0.7"}, {}};
  port.counters = {
      {"active_qps", 4}, {"out_of_sequence", 3}, {"port_rcv_data", 100}, {"port_xmit_packets", 9}};
  all.rdma_ports = {port, {"rxe0", 1, {}, {{"sent_pkts", 8}}}};
  const std::string page = page_of(all);
  const std::string labels = R"({device="mlx5_0",port="1",interface="eth0",)";
  expect_line(page, "weir_rdma_port_bytes_total" + labels + "direction=\"ingress\"} 400");
  expect_line(page, "weir_rdma_port_packets_total" + labels + "direction=\"egress\"} 9");
  expect_line(page, "weir_rdma_port_counter_total" + labels + "counter=\"out_of_sequence\"} 3");
  expect_line(page, "weir_rdma_port_counter_total" + labels + "counter=\"port_rcv_data\"} 100");
  expect_line(page, "weir_rdma_port_level" + labels + "level=\"active_qps\"} 4");
  expect_line(page,
              R"(weir_rdma_port_counter_total{device="rxe0",port="1",counter="sent_pkts"} 8)");
  EXPECT_EQ(page.find("counter=\"active_qps\""), std::string::npos);
}

TEST(DeviceMetrics, NamesAreEscaped) {
  auto all = readings();
  all.devices[0].name = "a\"b\\c\nd\xff";
  expect_line(page_of(all),
              "weir_interface_device_packets_total{interface=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\","
              "direction=\"ingress\"} 1");
}

TEST(DeviceMetrics, AFamilyIsBegunOnceAndOnlyWithASample) {
  EXPECT_EQ(page_of({}), "");
  auto all = readings();
  all.devices.push_back(all.devices[0]);
  all.devices[1].index = 3;
  all.devices[1].name = "eth1";
  std::istringstream lines(page_of(all));
  std::set<std::string> types;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(types.insert(line).second) << line;
    }
  }
  EXPECT_EQ(types.size(), 7U);
}

}  // namespace
}  // namespace weir
