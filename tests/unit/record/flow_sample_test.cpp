#include "record/flow_sample.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "record/json.h"
#include "record/name_servers.h"
#include "record/traffic_types.h"

namespace weir {
namespace {

IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  const std::uint8_t octets[] = {a, b, c, d};
  return IpAddress::v4(octets);
}

FlowSample sample() {
  FlowSample made;
  made.time = 1751805411498096950;
  made.interval_ns = 5 * kSecond;
  made.interface_index = 2;
  made.interface = "eth0";
  made.direction = TrafficDirection::kEgress;
  made.type = TrafficType::kTcp;
  made.addresses = FlowAddresses::kIpv4;
  made.source = {v4(10, 0, 0, 1), 443};
  made.destination = {v4(192, 168, 0, 20), 50234};
  made.protocol = 6;
  made.total = {.frames = 3, .bytes = 70000, .wire_packets = 50, .wire_bytes = 73102};
  made.in_interval = {.frames = 1, .bytes = 60, .wire_packets = 1, .wire_bytes = 60};
  made.first_seen = 1751805400000000000;
  made.last_seen = 1751805411000000000;
  return made;
}

std::string json_of(const FlowSample& flow) {
  std::string out;
  append_json(out, flow);
  return out;
}

TEST(FlowSampleJson, IsAsDocumented) {
  EXPECT_EQ(
      json_of(sample()),
      R"({"lens":"flows","time":"2025-07-06T12:36:51.498096950Z","interface":"eth0","ifindex":2,)"
      R"("direction":"egress","type":"tcp","protocol":6,)"
      R"("source":{"address":"10.0.0.1","port":443},)"
      R"("destination":{"address":"192.168.0.20","port":50234},)"
      R"("total":{"frames":3,"frame_bytes":70000,"wire_packets":50,"wire_bytes":73102},)"
      R"("interval_ns":5000000000,)"
      R"("interval":{"frames":1,"frame_bytes":60,"wire_packets":1,"wire_bytes":60},)"
      R"("first_seen":"2025-07-06T12:36:40.000000000Z",)"
      R"("last_seen":"2025-07-06T12:36:51.000000000Z","ended":false})");
}

TEST(FlowSampleJson, WhatTheFrameDoesNotSayIsAbsent) {
  FlowSample ping = sample();
  ping.type = TrafficType::kOther;
  ping.protocol = 1;
  ping.source.port = ping.destination.port = 0;
  ping.vlan = 0;
  ping.ended = true;
  auto json = nlohmann::json::parse(json_of(ping));
  EXPECT_EQ(json["source"], nlohmann::json({{"address", "10.0.0.1"}}));
  EXPECT_EQ(json["vlan"], 0);
  EXPECT_EQ(json["ended"], true);
  EXPECT_FALSE(json.contains("ether_type"));

  FlowSample arp = sample();
  arp.type = TrafficType::kOther;
  arp.addresses = FlowAddresses::kNone;
  arp.source = arp.destination = {};
  arp.protocol = 0;
  arp.ether_type = 0x0806;
  json = nlohmann::json::parse(json_of(arp));
  EXPECT_EQ(json["ether_type"], 2054);
  for (const char* absent : {"source", "destination", "protocol", "vlan"}) {
    EXPECT_FALSE(json.contains(absent)) << absent;
  }
}

TEST(FlowSampleJson, GidsAreAddresses) {
  FlowSample roce = sample();
  roce.type = TrafficType::kRoceV1;
  roce.addresses = FlowAddresses::kGid;
  roce.protocol = 0;
  roce.source = {v4(1, 0, 0, 0), 0};
  const std::uint8_t gid[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0xff, 0xfe, 0, 0, 1};
  roce.destination = {IpAddress::v6(gid), 0};
  const auto json = nlohmann::json::parse(json_of(roce));
  EXPECT_EQ(json["type"], "roce_v1");
  EXPECT_EQ(json["source"], nlohmann::json({{"address", "1.0.0.0"}}));
  EXPECT_EQ(json["destination"], nlohmann::json({{"address", "fe80::200:ff:fe00:1"}}));
  EXPECT_FALSE(json.contains("protocol"));
}

TEST(FlowSampleJson, StaysJsonWhateverTheNameAndTheNumbers) {
  FlowSample odd = sample();
  odd.interface = "a\"\\\x01\xff";
  odd.total.wire_bytes = UINT64_MAX;
  const auto json = nlohmann::json::parse(json_of(odd));
  EXPECT_EQ(json["interface"], "a\"\\\u0001\u00ff");
  EXPECT_EQ(json["total"]["wire_bytes"], UINT64_MAX);
}

std::vector<std::string_view> types_of(std::string_view word) {
  std::vector<std::string_view> names;
  const auto types = parse_traffic_types(word);
  for (const TrafficType type : types.value()) names.push_back(traffic_type_name(type));
  return names;
}

TEST(TrafficTypes, ByTheirWords) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(types_of("all"), Names{});
  EXPECT_EQ(types_of("roce"), (Names{"roce_v2", "roce_v1", "infiniband"}));
  EXPECT_EQ(types_of("roce_v1"), (Names{"roce_v1", "infiniband"}));
  EXPECT_EQ(types_of("roce_v2"), Names{"roce_v2"});
  EXPECT_EQ(types_of("tcp"), Names{"tcp"});
  EXPECT_EQ(types_of("udp"), Names{"udp"});
  EXPECT_EQ(types_of("ib"), Names{"infiniband"});
  for (const char* word : {"", "TCP", "rocev2", "tcp "}) EXPECT_FALSE(parse_traffic_types(word));
}

TEST(NameServers, AreEightOfIpv4) {
  std::string texts;
  for (const IpAddress& server : public_name_servers()) {
    append_address(texts, server);
    texts += ' ';
  }
  EXPECT_EQ(texts,
            "223.5.5.5 223.6.6.6 114.114.114.114 114.114.115.115 8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 ");
}

}  // namespace
}  // namespace weir
