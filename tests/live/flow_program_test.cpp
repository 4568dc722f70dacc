// The programs that count flows on packets made here, by the kernel's own test run. Needs root.
#include "kernel/flow_program.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstring>
#include <map>
#include <tuple>

#include "live/made_frames.h"
#include "live/own_namespace.h"

namespace weir {
namespace {

constexpr std::uint32_t kLoopback = 1;

Octets extension(std::uint8_t next, std::size_t words, const Octets& payload) {
  return Octets{next, static_cast<std::uint8_t>(words)} + Octets(6 + 8 * words, 0) + payload;
}
Octets fragment6(std::uint8_t next, unsigned offset, const Octets& payload) {
  return Octets{next, 0} + be16(offset << 3 | 1) + Octets{0, 0, 0, 9} + payload;
}
// Global route header of RoCE v1, with IPv4 addresses mapped into its GIDs, and a BTH.
Octets route(End from, End to) {
  const auto gid = [](End end) { return Octets(10, 0) + Octets{0xff, 0xff, 10, 0, 0, end.host}; };
  return Octets{0x60, 0, 0, 0} + be16(16) + Octets{0x1b, 64} + gid(from) + gid(to) + Octets(16, 4);
}

class FlowProgramTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ready_ = enter_own_namespace(); }
  void SetUp() override {
    if (!ready_) GTEST_SKIP() << "SKIPPED: needs root, for a network namespace";
    auto loaded = FlowProgram::load(1024);
    ASSERT_TRUE(loaded) << loaded.error().text();
    program_ = std::move(*loaded);
  }

  void cross(const Octets& frame, traffic_direction direction = TRAFFIC_INGRESS) {
    ASSERT_TRUE(try_cross(frame, direction));
  }
  // False where the kernel's test run takes no such frame: one without all of a plain IP header.
  bool try_cross(const Octets& frame, traffic_direction direction = TRAFFIC_INGRESS) {
    __sk_buff context{};
    context.ifindex = kLoopback;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()), .ctx_in = &context,
                .ctx_size_in = sizeof context);
    if (bpf_prog_test_run_opts(program_->fd(direction), &options) != 0) return false;
    EXPECT_EQ(static_cast<std::int32_t>(options.retval), -1) << "the next program's turn";
    return true;
  }

  std::vector<flow_slot> flows() const {
    std::vector<flow_slot> all;
    program_->read([&](const flow_slot& slot) { all.push_back(slot); });
    return all;
  }
  // Of the one flow that `frame` makes.
  flow_key key_of(const Octets& frame, traffic_direction direction = TRAFFIC_INGRESS) {
    SetUp();
    cross(frame, direction);
    const auto all = flows();
    EXPECT_EQ(all.size(), 1U);
    EXPECT_EQ(all.at(0).bytes, frame.size());
    EXPECT_EQ(all.at(0).packets, 1U);
    EXPECT_EQ(all.at(0).ifindex, kLoopback);
    return all.at(0).key;
  }

  static void expect_ends(const flow_key& key, End source, End destination) {
    EXPECT_EQ(ntohs(key.source_port), source.port);
    EXPECT_EQ(ntohs(key.destination_port), destination.port);
    std::uint8_t from[16], to[16];
    std::memcpy(from, key.source, 16);
    std::memcpy(to, key.destination, 16);
    EXPECT_EQ(from[15], source.host);
    EXPECT_EQ(to[15], destination.host);
  }
  static int type(const flow_key& key) { return key.kind & FLOW_TYPE_MASK; }
  static int address(const flow_key& key) { return key.kind & FLOW_ADDRESS_MASK; }

  static bool ready_;
  std::unique_ptr<FlowProgram> program_;
};
bool FlowProgramTest::ready_ = false;

TEST_F(FlowProgramTest, Ipv4AndIpv6) {
  const flow_key four = key_of(ethernet(0x0800, connection4(kClient, kServer)));
  EXPECT_EQ(address(four), FLOW_ADDRESS_IPV4);
  EXPECT_EQ(type(four), FLOW_TYPE_TCP);
  EXPECT_EQ(four.protocol, 6);
  EXPECT_EQ(four.vlan, 0);
  EXPECT_EQ(four.kind & FLOW_EGRESS, 0);
  expect_ends(four, kClient, kServer);
  EXPECT_EQ(ntohl(static_cast<std::uint32_t>(four.source[1])), 0xffffU) << "mapped";
  const flow_key six = key_of(ethernet(0x86dd, connection6(kClient, kServer)), TRAFFIC_EGRESS);
  EXPECT_EQ(address(six), FLOW_ADDRESS_IPV6);
  EXPECT_EQ(type(six), FLOW_TYPE_TCP);
  EXPECT_EQ(six.kind & FLOW_EGRESS, FLOW_EGRESS);
  expect_ends(six, kClient, kServer);
}

TEST_F(FlowProgramTest, OptionsBeforeTheTransport) {
  const Octets segment = tcp(kClient, kServer);
  expect_ends(key_of(ethernet(0x0800, ipv4(kClient, kServer, 6, segment, 0, 40))), kClient,
              kServer);
}

TEST_F(FlowProgramTest, ExtensionHeaders) {
  const Octets segment = tcp(kClient, kServer);
  const Octets frame = ethernet(
      0x86dd,
      ipv6(kClient, kServer, 0, extension(43, 0, extension(60, 2, extension(6, 1, segment)))));
  expect_ends(key_of(frame), kClient, kServer);
  EXPECT_EQ(key_of(frame).protocol, 6);
  // An authentication header counts in words.
  const Octets ah = Octets{6, 4, 0, 0} + Octets(20, 0) + segment;
  expect_ends(key_of(ethernet(0x86dd, ipv6(kClient, kServer, 51, ah))), kClient, kServer);
}

TEST_F(FlowProgramTest, LaterFragmentsHaveNoPorts) {
  const Octets segment = tcp(kClient, kServer);
  const End from{kClient.host, 0}, to{kServer.host, 0};
  expect_ends(key_of(ethernet(0x0800, ipv4(kClient, kServer, 6, segment, 0x2000))), kClient,
              kServer);
  const flow_key four = key_of(ethernet(0x0800, ipv4(kClient, kServer, 6, segment, 0x2010)));
  expect_ends(four, from, to);
  EXPECT_EQ(type(four), FLOW_TYPE_TCP);
  expect_ends(key_of(ethernet(0x86dd, ipv6(kClient, kServer, 44, fragment6(6, 0, segment)))),
              kClient, kServer);
  expect_ends(key_of(ethernet(0x86dd, ipv6(kClient, kServer, 44, fragment6(6, 5, segment)))), from,
              to);
}

TEST_F(FlowProgramTest, Tags) {
  const Octets packet = connection4(kClient, kServer);
  const flow_key one = key_of(ethernet(0x8100, tag(5 | 3 << 13, 0x0800, packet)));
  EXPECT_EQ(one.vlan, 6);
  expect_ends(one, kClient, kServer);
  const flow_key two = key_of(ethernet(0x88a8, tag(100, 0x8100, tag(5, 0x0800, packet))));
  EXPECT_EQ(two.vlan, 101) << "the outer one";
  expect_ends(two, kClient, kServer);
  EXPECT_EQ(key_of(ethernet(0x8100, tag(0, 0x0800, packet))).vlan, 1) << "a tag for priority";
}

TEST_F(FlowProgramTest, TrafficTypes) {
  const auto of = [&](std::uint8_t protocol, const Octets& payload) {
    return type(key_of(ethernet(0x0800, ipv4(kClient, kServer, protocol, payload))));
  };
  const Octets data(40, 7);
  EXPECT_EQ(of(17, udp(kClient, kServer, data)), FLOW_TYPE_UDP);
  EXPECT_EQ(of(17, udp({1, 49152}, {2, 4791}, data)), FLOW_TYPE_ROCE_V2);
  EXPECT_EQ(of(17, udp({1, 4791}, {2, 49152}, data)), FLOW_TYPE_ROCE_V2);
  EXPECT_EQ(of(132, tcp(kClient, kServer)), FLOW_TYPE_OTHER);
  expect_ends(key_of(ethernet(0x0800, ipv4(kClient, kServer, 132, tcp(kClient, kServer)))), kClient,
              kServer);
  EXPECT_EQ(of(1, data), FLOW_TYPE_OTHER);
  expect_ends(key_of(ethernet(0x0800, ipv4(kClient, kServer, 1, data))), {1, 0}, {2, 0});
}

TEST_F(FlowProgramTest, RoceV1AndInfiniband) {
  const flow_key roce = key_of(ethernet(0x8915, route(kClient, kServer)));
  EXPECT_EQ(type(roce), FLOW_TYPE_ROCE_V1);
  EXPECT_EQ(address(roce), FLOW_ADDRESS_GID);
  expect_ends(roce, {1, 0}, {2, 0});
  const flow_key infiniband = key_of(ethernet(0x8914, Octets(40, 1)));
  EXPECT_EQ(type(infiniband), FLOW_TYPE_INFINIBAND);
  EXPECT_EQ(address(infiniband), FLOW_ADDRESS_NONE);
}

TEST_F(FlowProgramTest, WhatIsNotIpGoesByItsType) {
  const flow_key arp = key_of(ethernet(0x0806, Octets(28, 0)));
  EXPECT_EQ(address(arp), FLOW_ADDRESS_NONE);
  EXPECT_EQ(ntohs(arp.destination_port), 0x0806);
  EXPECT_EQ(arp.protocol, 0);
}

// Cut anywhere, every frame belongs to one flow, with all its bytes.
TEST_F(FlowProgramTest, CutFrames) {
  const Octets frames[] = {
      ethernet(0x0800, connection4(kClient, kServer)),
      ethernet(0x8100,
               tag(5, 0x86dd,
                   ipv6(kClient, kServer, 0,
                        extension(44, 0, fragment6(17, 0, udp(kClient, kServer, Octets(9, 1))))))),
      ethernet(0x8915, route(kClient, kServer))};
  std::uint64_t packets = 0, bytes = 0;
  for (const Octets& frame : frames) {
    for (std::size_t length = 14; length <= frame.size(); ++length) {
      if (!try_cross(Octets(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length)))) {
        continue;
      }
      ++packets;
      bytes += length;
    }
  }
  EXPECT_GT(packets, 100U);
  for (const flow_slot& slot : flows()) {
    packets -= slot.packets;
    bytes -= slot.bytes;
  }
  EXPECT_EQ(packets, 0U);
  EXPECT_EQ(bytes, 0U);
}

// Far more flows than the table holds: each is counted, in the table, among the leavers or as lost.
TEST_F(FlowProgramTest, WhatDoesNotFitIsTold) {
  constexpr unsigned kFlows = 200'000;
  std::uint64_t packets = 0, told = 0;
  const auto add = [&](const flow_slot& slot) {
    packets += slot.packets;
    ++told;
  };
  for (unsigned flow = 0; flow < kFlows; ++flow) {
    const End from{static_cast<std::uint8_t>(flow >> 16), flow & 0xffff};
    cross(ethernet(0x0800, connection4(from, kServer)));
    if (flow == kFlows / 2) {
      EXPECT_GT(program_->take_leavers(add), 10'000U);
    }
  }
  program_->take_leavers(add);
  program_->read(add);
  const flow_lost lost = program_->lost();
  EXPECT_GT(lost.flows, 0U) << "the test should fill the buffer of leavers";
  EXPECT_EQ(told + lost.flows, kFlows);
  EXPECT_EQ(packets + lost.packets, kFlows);
}

TEST_F(FlowProgramTest, AFlowThatGoesOnStaysInItsPlace) {
  for (int i = 0; i < 1000; ++i) cross(ethernet(0x0800, connection4(kClient, kServer)));
  for (int i = 0; i < 10; ++i) cross(ethernet(0x0800, connection4(kServer, kClient)));
  const auto all = flows();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].packets + all[1].packets, 1010U);
  EXPECT_EQ(program_->take_leavers([](const flow_slot&) {}), 0U);
}

}  // namespace
}  // namespace weir
