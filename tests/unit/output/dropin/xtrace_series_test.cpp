#include "output/dropin/xtrace_series.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <map>

#include "remote_write_reader.h"

namespace weir {
namespace {

constexpr Nanos kStart = 1'700'000'000 * kSecond;

IpAddress address(const char* text) {
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, text, bytes) == 1) return IpAddress::v4(bytes);
  EXPECT_EQ(inet_pton(AF_INET6, text, bytes), 1) << text;
  return IpAddress::v6(bytes);
}

// Counts are the wire's: the others are there to be left alone.
TrafficCounts counts(std::uint64_t packets, std::uint64_t bytes) {
  return {1'000'000 + packets, 1'000'000 + bytes, packets, bytes};
}

FlowSample tcp(std::uint64_t packets, std::uint64_t bytes) {
  FlowSample flow;
  flow.interval_ns = 2 * kSecond;
  flow.interface_index = 2;
  flow.interface = "eth0";
  flow.type = TrafficType::kTcp;
  flow.addresses = FlowAddresses::kIpv4;
  flow.source = {address("10.0.0.1"), 443};
  flow.destination = {address("10.0.0.2"), 50000};
  flow.protocol = 6;
  flow.total = flow.in_interval = counts(packets, bytes);
  return flow;
}

FlowSample later(FlowSample flow, std::uint64_t packets, std::uint64_t bytes) {
  flow.total = counts(flow.total.wire_packets + packets, flow.total.wire_bytes + bytes);
  flow.in_interval = counts(packets, bytes);
  return flow;
}

FlowSample ended(const FlowSample& flow) {
  FlowSample last = later(flow, 0, 0);
  last.ended = true;
  return last;
}

struct Told {
  std::map<std::string, double> values;
  std::vector<std::string> ends;
};

class XtraceSeriesTest : public testing::Test {
 protected:
  XtraceSeriesSettings settings() {
    return {.host_ip = [this](std::uint32_t) -> std::string_view { return host_ip_; }};
  }
  void make(XtraceSeriesSettings settings) {
    series_ = std::make_unique<XtraceSeries>(
        std::move(settings), SeriesSet::Form::kRemoteWrite, [this](SeriesSet& set, Nanos time) {
          told_ = {};
          set.encode_round(time, [this, time](std::string_view body, std::size_t) {
            for (const ReadSample& sample : read_remote_write(body)) {
              if (sample.stale()) {
                told_.ends.push_back(sample.series);
              } else {
                EXPECT_TRUE(told_.values.emplace(sample.series, sample.value).second);
                EXPECT_EQ(sample.milliseconds, time / kMillisecond);
              }
            }
          });
        });
  }
  const Told& round(const std::vector<FlowSample>& flows, Nanos time) {
    series_->begin_round(time);
    for (const FlowSample& flow : flows) series_->on(flow);
    series_->end_round();
    return told_;
  }

  std::string host_ip_ = "192.168.1.10";
  std::unique_ptr<XtraceSeries> series_;
  Told told_;
};

const std::string kLabels =
    R"({collect_agg="default",dst_ip="10.0.0.2",dst_port="50000",host_ip="192.168.1.10",interface="eth0",protocol="6",src_ip="10.0.0.1",src_port="443",traffic_type="TCP"})";
const std::string kNicLabels =
    R"({collect_agg="default",dst_ip="10.0.0.2",host_ip="192.168.1.10",interface="eth0",protocol="6",src_ip="10.0.0.1",traffic_type="TCP"})";

TEST_F(XtraceSeriesTest, EightMetricsWithTheirLabels) {
  make(settings());
  const Told& told = round({tcp(10, 1000)}, kStart);
  const std::map<std::string, double> wanted{
      {"xtrace_network_bytes_total" + kLabels, 1000},
      {"xtrace_network_packets_total" + kLabels, 10},
      {"xtrace_network_flow_bytes" + kLabels, 1000},
      {"xtrace_network_flow_packets" + kLabels, 10},
      {"xtrace_network_flow_bytes_rate" + kLabels, 500},  // of the sample's own two seconds
      {"xtrace_network_flow_bits_rate" + kLabels, 4000},
      {"xtrace_network_nic_bytes_rate" + kNicLabels, 500},
      {"xtrace_network_nic_bits_rate" + kNicLabels, 4000},
  };
  EXPECT_EQ(told.values, wanted);
}

TEST_F(XtraceSeriesTest, CountersAreTotalsAndGaugesAreOfTheRound) {
  make(settings());
  const FlowSample first = tcp(10, 1000), second = later(first, 5, 300);
  round({first}, kStart);
  const Told& told = round({second}, kStart + 4 * kSecond);
  EXPECT_EQ(told.values.at("xtrace_network_bytes_total" + kLabels), 1300);
  EXPECT_EQ(told.values.at("xtrace_network_packets_total" + kLabels), 15);
  EXPECT_EQ(told.values.at("xtrace_network_flow_bytes" + kLabels), 300);
  EXPECT_EQ(told.values.at("xtrace_network_flow_packets" + kLabels), 5);
  EXPECT_EQ(told.values.at("xtrace_network_flow_bytes_rate" + kLabels), 75);  // really 4 s
  EXPECT_EQ(told.values.at("xtrace_network_nic_bits_rate" + kNicLabels), 600);
  // A round without a sample of it: it is still there, and still.
  const Told& idle = round({}, kStart + 6 * kSecond);
  EXPECT_EQ(idle.values.at("xtrace_network_bytes_total" + kLabels), 1300);
  EXPECT_EQ(idle.values.at("xtrace_network_flow_bytes" + kLabels), 0);
  EXPECT_EQ(idle.values.at("xtrace_network_flow_bits_rate" + kLabels), 0);
  EXPECT_EQ(idle.values.at("xtrace_network_nic_bytes_rate" + kNicLabels), 0);
}

TEST_F(XtraceSeriesTest, NicIsTheSumOverPorts) {
  make(settings());
  FlowSample a = tcp(1, 100), b = tcp(2, 300), other_way = tcp(1, 50);
  b.destination.port = 50001;
  std::swap(other_way.source, other_way.destination);
  const Told& told = round({a, b, other_way}, kStart);
  EXPECT_EQ(told.values.at("xtrace_network_nic_bytes_rate" + kNicLabels), 200);
  EXPECT_EQ(told.values.size(), 3u * 6 + 2 * 2);
}

TEST_F(XtraceSeriesTest, WhatHasTheSameLabelsIsOneFlow) {
  make(settings());
  FlowSample ingress = tcp(1, 100), egress = tcp(2, 200), tagged = tcp(4, 400);
  egress.direction = TrafficDirection::kEgress;
  tagged.vlan = 7;
  EXPECT_EQ(
      round({ingress, egress, tagged}, kStart).values.at("xtrace_network_bytes_total" + kLabels),
      700);
  // It lives as long as a part of it does.
  const Told& one_less = round({ended(egress), ended(tagged)}, kStart + kSecond);
  EXPECT_EQ(one_less.values.at("xtrace_network_bytes_total" + kLabels), 700);
  const Told& none = round({ended(ingress)}, kStart + 2 * kSecond);
  EXPECT_TRUE(none.values.empty());
  EXPECT_EQ(none.ends.size(), 8u);
}

TEST_F(XtraceSeriesTest, AnEndedFlowIsToldOfOnce) {
  make(settings());
  FlowSample flow = tcp(1, 100), other = tcp(1, 1);
  other.source.port = 80;
  round({flow, other}, kStart);
  const Told& told = round({ended(flow), later(other, 1, 1)}, kStart + kSecond);
  EXPECT_EQ(told.ends.size(), 6u);  // the pair lives on
  EXPECT_EQ(told.values.size(), 8u);
  EXPECT_EQ(series_->flows(), 1u);
  EXPECT_TRUE(round({}, kStart + 2 * kSecond).ends.empty());
  // The same ends again: a new flow.
  EXPECT_EQ(
      round({tcp(1, 7)}, kStart + 3 * kSecond).values.at("xtrace_network_bytes_total" + kLabels),
      7);
}

TEST_F(XtraceSeriesTest, TheLastCountsOfAnEndedFlowAreTold) {
  make(settings());
  const FlowSample flow = tcp(1, 100);
  round({flow}, kStart);
  FlowSample last = later(flow, 2, 50);
  last.ended = true;
  EXPECT_EQ(round({last}, kStart + kSecond).values.at("xtrace_network_bytes_total" + kLabels), 150);
  const Told& told = round({}, kStart + 2 * kSecond);
  EXPECT_EQ(told.ends.size(), 8u);
  EXPECT_TRUE(told.values.empty());
}

TEST_F(XtraceSeriesTest, TypesAndAddressesAsDocumented) {
  struct Case {
    TrafficType type;
    std::uint8_t ip_protocol;
    const char *protocol, *name;
  };
  const Case cases[] = {{TrafficType::kRoceV2, 17, "254", "RoCE_v2"},
                        {TrafficType::kRoceV1, 0, "21", "RoCE_v1_IBoE"},
                        {TrafficType::kInfiniband, 0, "20", "InfiniBand"},
                        {TrafficType::kUdp, 17, "17", "UDP"},
                        {TrafficType::kOther, 1, "1", "Other"}};
  for (const Case& c : cases) {
    make(settings());
    FlowSample flow = tcp(1, 100);
    flow.type = c.type;
    flow.protocol = c.ip_protocol;
    flow.source = {address("2001:db8::1"), 4791};
    flow.destination = {address("::ffff:10.0.0.9"), 0};
    const Told& told = round({flow}, kStart);
    const std::string wanted =
        R"(xtrace_network_bytes_total{collect_agg="default",dst_ip="10.0.0.9",dst_port="0",host_ip="192.168.1.10",interface="eth0",protocol=")" +
        std::string(c.protocol) + R"(",src_ip="2001:db8::1",src_port="4791",traffic_type=")" +
        c.name + "\"}";
    EXPECT_EQ(told.values.count(wanted), 1u) << wanted;
  }
}

TEST_F(XtraceSeriesTest, RoceV2AsUdpAndOtherSettings) {
  XtraceSeriesSettings some = settings();
  some.roce_v2_as_udp = true;
  some.collect_agg = "rack\"7";
  make(some);
  FlowSample flow = tcp(1, 100);
  flow.type = TrafficType::kRoceV2;
  flow.protocol = 17;
  EXPECT_EQ(
      round({flow}, kStart)
          .values.count(
              R"(xtrace_network_nic_bytes_rate{collect_agg="rack"7",dst_ip="10.0.0.2",host_ip="192.168.1.10",interface="eth0",protocol="17",src_ip="10.0.0.1",traffic_type="RoCE_v2_UDP"})"),
      1u);
}

TEST_F(XtraceSeriesTest, FlowsWithoutAddressesAreNotExported) {
  make(settings());
  FlowSample arp = tcp(1, 100), nowhere = tcp(1, 100);
  arp.addresses = FlowAddresses::kNone;
  nowhere.source = nowhere.destination = {address("0.0.0.0"), 0};
  EXPECT_TRUE(round({arp, nowhere}, kStart).values.empty());
  EXPECT_EQ(series_->refused(), 0u);
}

TEST_F(XtraceSeriesTest, FollowsTheInterfacesNameAndAddress) {
  make(settings());
  const FlowSample flow = tcp(1, 100);
  round({flow}, kStart);
  host_ip_ = "192.168.1.11";
  const Told& moved = round({later(flow, 1, 10)}, kStart + kSecond);
  EXPECT_EQ(moved.ends.size(), 8u);
  EXPECT_EQ(moved.values.size(), 8u);
  std::string labels = kLabels;
  labels.replace(labels.find("1.10"), 4, "1.11");
  EXPECT_EQ(moved.values.at("xtrace_network_bytes_total" + labels), 110);
  FlowSample renamed = later(later(flow, 1, 10), 1, 10);
  renamed.interface = "wan0";
  const Told& again = round({renamed}, kStart + 2 * kSecond);
  EXPECT_EQ(again.ends.size(), 8u);
  labels.replace(labels.find("eth0"), 4, "wan0");
  EXPECT_EQ(again.values.at("xtrace_network_bytes_total" + labels), 120);
}

TEST_F(XtraceSeriesTest, IsBounded) {
  XtraceSeriesSettings few = settings();
  few.limits.max_series = 22;
  make(few);
  std::vector<FlowSample> flows;
  for (std::uint16_t port = 1; port <= 10; ++port) {
    flows.push_back(tcp(1, 1));
    flows.back().source.port = port;
  }
  const Told& told = round(flows, kStart);
  EXPECT_EQ(series_->flows(), 3u);  // 8 series of the first, 6 of each that has the same pair
  EXPECT_EQ(told.values.size(), 20u);
  EXPECT_EQ(series_->refused(), 7u);
}

}  // namespace
}  // namespace weir
