#include "output/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "unit/output/made_flow.h"

namespace weir {
namespace {

std::vector<std::string> lines_of(const std::vector<FlowSample>& flows,
                                  const FlowsUntold& untold = {}, Room room = {}) {
  std::istringstream text(render_flow_table(flows, untold, room));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// In characters.
std::size_t columns_of(const std::string& line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

bool has(const std::string& line, std::string_view what) {
  return line.find(what) != std::string::npos;
}

FlowSample flow_with(std::uint64_t interval_bytes, std::uint16_t port) {
  FlowSample flow = made_flow("10.0.0.1", port, "10.0.0.2", 80);
  flow.in_interval.wire_bytes = interval_bytes;
  return flow;
}

TEST(FlowTable, ShowsTheWire) {
  FlowSample flow = made_flow();
  flow.in_interval = {.frames = 2, .bytes = 60000, .wire_packets = 41, .wire_bytes = 62640};
  const auto lines = lines_of({flow});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[2].starts_with("eth0      in  tcp      192.168.1.30:80 → 192.168.1.40:50234 "))
      << lines[2];
  EXPECT_TRUE(has(lines[2], " 20.5 ")) << lines[2];
  EXPECT_TRUE(has(lines[2], " 251 k ")) << lines[2];  // bit/s
  EXPECT_TRUE(has(lines[2], " 100  65.5 kB")) << lines[2];
}

TEST(FlowTable, WhatIsUnderTheHeadings) {
  FlowSample v6 = made_flow("2001:db8:1111:2222:3333:4444:5555:6666", 443, "fe80::1", 50234);
  v6.direction = TrafficDirection::kEgress;
  v6.vlan = 100;
  v6.interface = "a-name-as-long1";
  v6.total.wire_packets = v6.total.wire_bytes = UINT64_MAX;
  FlowSample lldp = made_frame(0x88cc);
  v6.in_interval.wire_bytes = 1005;
  lldp.in_interval.wire_bytes = 1;
  const auto lines = lines_of({lldp, made_frame(0x0806), made_flow(), v6});
  ASSERT_EQ(lines.size(), 6U);
  for (const auto& line : lines) EXPECT_EQ(columns_of(line), columns_of(lines[1])) << line;
  EXPECT_TRUE(has(lines[1], " VLAN "));
  EXPECT_TRUE(has(lines[2], " out tcp "));
  EXPECT_TRUE(has(lines[2], "[2001:db8:1111:2222:3333:4444:5555:6666]:443 → [fe80::1]:50234 "));
  EXPECT_TRUE(has(lines[2], "  100 ")) << lines[2];
  EXPECT_TRUE(has(lines[3] + lines[4], " arp      - "));
  EXPECT_TRUE(has(lines[5], " 0x88cc   - "));
  EXPECT_FALSE(has(lines_of({made_flow()})[1], "VLAN"));
}

TEST(FlowTable, TypesAsPeopleCallThem) {
  FlowSample flow = made_flow("fe80::1", 0, "ff02::1", 0);
  flow.type = TrafficType::kOther;
  flow.protocol = 58;
  EXPECT_TRUE(has(lines_of({flow})[2], " icmpv6   fe80::1 → ff02::1 ")) << lines_of({flow})[2];
  flow.protocol = 99;
  EXPECT_TRUE(has(lines_of({flow})[2], " ip-99 "));
  flow.type = TrafficType::kRoceV1;
  EXPECT_TRUE(has(lines_of({flow})[2], " roce_v1 "));
}

TEST(FlowTable, TheBusiestFirst) {
  std::vector<FlowSample> flows = {flow_with(5, 1), flow_with(900, 2), flow_with(0, 3),
                                   flow_with(900, 4), flow_with(70, 5)};
  flows[3].total.wire_bytes = 1 << 30;
  flows[2].total.wire_bytes = 1 << 20;
  EXPECT_EQ(busiest(flows, 3), 2U);
  ASSERT_EQ(flows.size(), 3U);
  EXPECT_EQ(flows[0].source.port, 4);
  EXPECT_EQ(flows[1].source.port, 2);
  EXPECT_EQ(flows[2].source.port, 5);
  EXPECT_EQ(busiest(flows, 10), 0U);
  EXPECT_EQ(busiest(flows, 0), 3U);
  EXPECT_TRUE(flows.empty());
}

TEST(FlowTable, TheOrderOfEqualFlowsIsTheSameEachTime) {
  std::vector<FlowSample> flows;
  for (std::uint16_t port = 1; port <= 50; ++port) flows.push_back(flow_with(7, port));
  std::vector<FlowSample> turned(flows.rbegin(), flows.rend());
  EXPECT_EQ(render_flow_table(flows), render_flow_table(turned));
}

TEST(FlowTable, FitsTheTerminal) {
  std::vector<FlowSample> many;
  for (std::uint16_t port = 1; port <= 100; ++port) {
    many.push_back(flow_with(port == 70 ? 1'000'000 : port, port));
  }
  const auto lines = lines_of(many, {}, {.rows = 24, .columns = 40});
  ASSERT_LT(lines.size(), 24U);
  for (const auto& line : lines) EXPECT_LE(columns_of(line), 40U) << line;
  EXPECT_TRUE(has(lines[2], "10.0.0.1:70 "));
  EXPECT_EQ(lines.back(), "... and 80 less busy");
  EXPECT_EQ(lines_of(many, {.flows = 900}, {.rows = 24}).back(), "... and 980 less busy");
  EXPECT_EQ(lines_of({}, {}, {.rows = 2, .columns = 80}).back(), "(no flow yet)");
  // What fits to the row before the cursor's is not cut.
  const std::vector<FlowSample> three(many.begin(), many.begin() + 3);
  EXPECT_EQ(lines_of(three, {}, {.rows = 6}).size(), 5U);
  const auto cut = lines_of(three, {.flows = 1}, {.rows = 6});
  EXPECT_EQ(cut.size(), 5U);
  EXPECT_EQ(cut.back(), "... and 2 less busy");
}

TEST(FlowTable, LongAddressesLeaveTheNumbersTheirRoom) {
  FlowSample v6 = made_flow("2001:db8:1111:2222:3333:4444:5555:6666", 50234,
                            "2001:db8:1111:2222:3333:4444:5555:7777", 443);
  v6.in_interval.wire_bytes = 1005;
  for (const std::size_t columns : {110U, 120U, 130U, 160U}) {
    const auto lines = lines_of({v6, made_flow()}, {}, {.rows = 24, .columns = columns});
    for (const auto& line : lines) EXPECT_LE(columns_of(line), columns) << line;
    EXPECT_TRUE(has(lines[2], ":50234 → [2001:db8:")) << lines[2];
    EXPECT_TRUE(lines[2].ends_with(" 65.5 kB")) << lines[2];
    EXPECT_TRUE(has(lines[3], "192.168.1.40:50234 ")) << lines[3];
  }
}

TEST(FlowTable, ANarrowTerminalShowsTheRatesAlone) {
  const FlowSample v6 = made_flow("2001:db8:1111:2222:3333:4444:5555:6666", 50234, "fe80::1", 1);
  const auto lines = lines_of({v6}, {}, {.rows = 24, .columns = 80});
  EXPECT_TRUE(lines[1].ends_with("  BIT/S")) << lines[1];
  EXPECT_TRUE(lines[2].ends_with(" 4.00 k")) << lines[2];
}

TEST(FlowTable, TellsWhatCouldNotBeKept) {
  const FlowsUntold lost{.flows = 0, .lost_frames = 17};
  EXPECT_EQ(lines_of({made_flow()}, lost).back(), "17 frames of flows that could not be kept");
  FlowsUntold both = lost;
  both.flows = 4;
  both.idle_flows = 2;
  EXPECT_EQ(lines_of({made_flow()}, both).back(),
            "... and 4 less busy; 2 idle; 17 frames of flows that could not be kept");
}

TEST(FlowTable, WithoutAnIntervalThereAreNoRates) {
  FlowSample first = made_flow();
  first.interval_ns = 0;
  EXPECT_TRUE(has(lines_of({first})[2], "       -       -      100 ")) << lines_of({first})[2];
}

TEST(FlowTable, NamesCannotCommandTheTerminal) {
  FlowSample evil = made_flow();
  evil.interface = "\x1b[2J";
  EXPECT_EQ(render_flow_table({evil}).find('\x1b'), std::string::npos);
}

TEST(CutLines, CountsCharacters) {
  EXPECT_EQ(cut_lines("a → b\n→→→→\n\n", 4), "a → \n→→→→\n\n");
  EXPECT_EQ(cut_lines("abc\n", 0), "abc\n");
}

}  // namespace
}  // namespace weir
