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
// Global route header of RoCE v1, with IPv4 addresses mapped into its GIDs.
Octets route(End from, End to) {
  const auto gid = [](End end) { return Octets(10, 0) + Octets{0xff, 0xff, 10, 0, 0, end.host}; };
  return Octets{0x60, 0, 0, 0} + be16(16) + Octets{0x1b, 64} + gid(from) + gid(to);
}

class FlowProgramTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ready_ = enter_own_namespace(); }
  void SetUp() override {
    if (!ready_) GTEST_SKIP() << "SKIPPED: needs root, for a network namespace";
    load({.flows_per_processor = 1024});
  }
  void load(const FlowProgramOptions& options) {
    auto loaded = FlowProgram::load(options);
    ASSERT_TRUE(loaded) << loaded.error().text();
    program_ = std::move(*loaded);
  }

  void cross(const Octets& frame, traffic_direction direction = TRAFFIC_INGRESS) {
    ASSERT_TRUE(try_cross(frame, direction));
  }
  // False where the kernel's test run takes no such frame: one without all of a plain IP header.
  bool try_cross(const Octets& frame, traffic_direction direction = TRAFFIC_INGRESS,
                 bool bare = false, std::uint32_t segments = 0) {
    __sk_buff context{};
    context.ifindex = kLoopback;
    context.gso_segs = segments;
    context.gso_size = segments > 0 ? 100 : 0;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()), .ctx_in = &context,
                .ctx_size_in = sizeof context);
    if (bpf_prog_test_run_opts(program_->fd(direction, bare), &options) != 0) return false;
    EXPECT_EQ(static_cast<std::int32_t>(options.retval), -1) << "the next program's turn";
    return true;
  }

  std::vector<flow_slot> flows() const {
    std::vector<flow_slot> all;
    flow_slot slot;
    flow_more more;
    for (std::size_t index = 0; index < program_->slot_count(); ++index) {
      if (program_->read(index, slot, more)) all.push_back(slot);
    }
    return all;
  }
  // Of packets in no flow, by reason.
  flow_rest rest(flow_rest_reason reason) const {
    flow_rest sum{};
    program_->read_rest([&](const flow_rest_key& key, const flow_rest& one) {
      if (key.reason != reason) return;
      sum.packets += one.packets;
      sum.bytes += one.bytes;
    });
    return sum;
  }
  // Of the one flow that `frame` makes.
  flow_key key_of(const Octets& frame, traffic_direction direction = TRAFFIC_INGRESS) {
    SetUp();
    cross(frame, direction);
    return only_key(frame);
  }
  flow_key only_key(const Octets& frame) const {
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

// Far more flows than the table holds: each is counted, in the table, among the leavers or as the
// rest.
TEST_F(FlowProgramTest, WhatDoesNotFitIsTold) {
  constexpr unsigned kFlows = 200'000;
  std::uint64_t packets = 0, bytes = 0;
  const auto add = [&](const flow_leaver& leaver) {
    packets += leaver.slot.packets;
    bytes += leaver.slot.bytes;
  };
  const Octets one = ethernet(0x0800, connection4(kClient, kServer));
  for (unsigned flow = 0; flow < kFlows; ++flow) {
    const End from{static_cast<std::uint8_t>(flow >> 16), flow & 0xffff};
    cross(ethernet(0x0800, connection4(from, kServer)));
    if (flow == kFlows / 2) {
      EXPECT_GT(program_->take_leavers(add), 10'000U);
    }
  }
  program_->take_leavers(add);
  for (const flow_slot& slot : flows()) {
    packets += slot.packets;
    bytes += slot.bytes;
  }
  const flow_rest full = rest(FLOW_REST_FULL);
  EXPECT_GT(full.packets, 0U) << "the test should fill the buffer of leavers";
  EXPECT_EQ(packets + full.packets, kFlows);
  EXPECT_EQ(bytes + full.bytes, kFlows * one.size());
}

// What leaves says whose slot it was: the one that was read there.
TEST_F(FlowProgramTest, LeaversNameTheirSlot) {
  std::map<std::uint32_t, flow_key> seen;
  for (unsigned flow = 0; flow < 20'000; ++flow) {
    cross(ethernet(0x0800, connection4({3, flow}, kServer)));
  }
  program_->take_leavers([](const flow_leaver&) {});
  flow_slot slot;
  flow_more more;
  for (std::uint32_t index = 0; index < program_->slot_count(); ++index) {
    if (program_->read(index, slot, more)) seen[index] = slot.key;
  }
  for (unsigned flow = 0; flow < 20'000; ++flow) {
    cross(ethernet(0x0800, connection4({4, flow}, kServer)));
  }
  std::size_t known = 0;
  program_->take_leavers([&](const flow_leaver& leaver) {
    const auto found = seen.find(leaver.index);
    if (found == seen.end()) return;
    EXPECT_EQ(std::memcmp(&found->second, &leaver.slot.key, sizeof(flow_key)), 0);
    seen.erase(found);
    ++known;
  });
  EXPECT_GT(known, 1000U);
}

TEST_F(FlowProgramTest, AFlowThatGoesOnStaysInItsPlace) {
  for (int i = 0; i < 1000; ++i) cross(ethernet(0x0800, connection4(kClient, kServer)));
  for (int i = 0; i < 10; ++i) cross(ethernet(0x0800, connection4(kServer, kClient)));
  const auto all = flows();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].packets + all[1].packets, 1010U);
  EXPECT_EQ(program_->take_leavers([](const flow_leaver&) {}), 0U);
}

TEST_F(FlowProgramTest, SuperPacketsAreMoreOnTheWire) {
  const Octets frame =
      ethernet(0x0800, ipv4(kClient, kServer, 17, udp(kClient, kServer, Octets(400, 1))));
  ASSERT_TRUE(try_cross(frame, TRAFFIC_INGRESS, false, 4));
  ASSERT_TRUE(try_cross(frame, TRAFFIC_INGRESS, false, 4));
  flow_slot slot;
  flow_more more;
  std::uint64_t packets = 0, more_packets = 0;
  for (std::size_t index = 0; index < program_->slot_count(); ++index) {
    if (!program_->read(index, slot, more)) continue;
    packets += slot.packets;
    more_packets += more.packets;
  }
  EXPECT_EQ(packets, 2U);
  EXPECT_EQ(more_packets, 6U);
}

// From the network header on, all is the same.
TEST_F(FlowProgramTest, InterfacesWithoutEthernet) {
  for (const Octets& frame : {ethernet(0x0800, connection4(kClient, kServer)),
                              ethernet(0x86dd, connection6(kClient, kServer))}) {
    SetUp();
    ASSERT_TRUE(try_cross(frame, TRAFFIC_INGRESS, true));
    const flow_key bare = only_key(frame);
    const flow_key key = key_of(frame);
    EXPECT_EQ(std::memcmp(&bare, &key, sizeof key), 0);
  }
}

TEST_F(FlowProgramTest, XdpSeesTheSame) {
  const Octets frame = ethernet(0x8100, tag(5, 0x0800, connection4(kClient, kServer)));
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
              .data_size_in = static_cast<std::uint32_t>(frame.size()));
  ASSERT_EQ(bpf_prog_test_run_opts(program_->xdp_fd(), &options), 0);
  EXPECT_EQ(options.retval, static_cast<std::uint32_t>(XDP_PASS));
  const flow_key xdp = only_key(frame);
  const flow_key key = key_of(frame);
  EXPECT_EQ(std::memcmp(&xdp, &key, sizeof key), 0);
}

TEST_F(FlowProgramTest, WhatIsNotWantedIsCountedApart) {
  load({.flows_per_processor = 1024, .wanted_types = 1U << (FLOW_TYPE_UDP >> FLOW_TYPE_SHIFT)});
  const Octets segment = ethernet(0x0800, connection4(kClient, kServer));
  cross(segment);
  cross(segment);
  cross(ethernet(0x0800, ipv4(kClient, kServer, 17, udp(kClient, kServer, Octets(40, 7)))));
  EXPECT_EQ(flows().size(), 1U);
  EXPECT_EQ(rest(FLOW_REST_FILTERED).packets, 2U);
  EXPECT_EQ(rest(FLOW_REST_FILTERED).bytes, 2 * segment.size());
}

TEST_F(FlowProgramTest, DnsIsExcludedInBothDirections) {
  const auto datagram = [](End from, End to) {
    return ethernet(0x0800, ipv4(from, to, 17, udp(from, to, Octets(40, 7))));
  };
  load({.flows_per_processor = 1024, .exclude_dns_ports = true});
  cross(datagram({1, 40000}, {2, 53}));
  cross(datagram({2, 53}, {1, 40000}));
  cross(datagram({1, 40000}, {2, 853}));
  cross(datagram({1, 40000}, {2, 54}));
  EXPECT_EQ(flows().size(), 1U);
  EXPECT_EQ(rest(FLOW_REST_FILTERED).packets, 3U);
  load({.flows_per_processor = 1024, .excluded_addresses = {htonl(0x0a000002), htonl(0x08080808)}});
  cross(datagram({1, 40000}, {2, 443}));
  cross(datagram({2, 443}, {1, 40000}));
  cross(datagram({1, 40000}, {3, 443}));
  EXPECT_EQ(flows().size(), 1U);
  EXPECT_EQ(rest(FLOW_REST_FILTERED).packets, 2U);
}

TEST_F(FlowProgramTest, ClientPortsAreFolded) {
  load({.flows_per_processor = 1024, .fold_from = 32768});
  for (unsigned port = 40000; port < 40100; ++port) {
    cross(ethernet(0x0800, connection4({1, port}, kServer)));
    cross(ethernet(0x0800, connection4(kServer, {1, port})));
  }
  cross(ethernet(0x0800, connection4({1, 40000}, {2, 50000})));
  cross(ethernet(0x0800, connection4({1, 1000}, {2, 2000})));
  EXPECT_EQ(flows().size(), 4U);
}

// RDMA.
class QueuePairTest : public FlowProgramTest {
 protected:
  static Octets base(unsigned opcode, unsigned pair, unsigned sequence) {
    return Octets{static_cast<std::uint8_t>(opcode), 0, 0xff, 0xff, 0} + be24(pair) + Octets{0} +
           be24(sequence);
  }
  static Octets be24(unsigned value) {
    return Octets{static_cast<std::uint8_t>(value >> 16)} + be16(value & 0xffff);
  }
  void send(unsigned opcode, unsigned sequence, const Octets& more = Octets(32, 0),
            unsigned pair = 0x11) {
    const End from{1, 49152}, to{2, 4791};
    cross(ethernet(0x0800, ipv4(from, to, 17, udp(from, to, base(opcode, pair, sequence) + more))));
  }
  queue_pair only_pair() const {
    queue_pair found{};
    int pairs = 0;
    program_->read_queue_pairs([&](const queue_pair_key& key, const queue_pair& pair) {
      EXPECT_EQ(key.queue_pair, 0x11U);
      found = pair;
      ++pairs;
    });
    EXPECT_EQ(pairs, 1);
    return found;
  }
  static constexpr unsigned kSendOnly = 0x04, kReadRequest = 0x0c, kResponseFirst = 0x0d,
                            kResponseMiddle = 0x0e, kResponseLast = 0x0f, kAcknowledge = 0x11;
};

TEST_F(QueuePairTest, SequenceNumbers) {
  for (const unsigned sequence : {0xfffffeU, 0xffffffU, 0U, 1U}) send(kSendOnly, sequence);
  EXPECT_EQ(only_pair().gaps, 0U) << "24 bits, and on from 0";
  send(kSendOnly, 5);
  EXPECT_EQ(only_pair().gaps, 1U);
  EXPECT_EQ(only_pair().missing, 3U);
  for (const unsigned sequence : {2U, 3U, 4U, 5U}) send(kSendOnly, sequence);
  EXPECT_EQ(only_pair().repeated, 4U) << "what is sent again is no gap";
  send(kSendOnly, 6);
  send(kSendOnly, 0x700000);
  EXPECT_EQ(only_pair().gaps, 1U);
  EXPECT_EQ(only_pair().restarts, 1U) << "another connection";
  EXPECT_EQ(only_pair().packets, 11U);
  EXPECT_EQ(only_pair().operations[kSendOnly], 11U);
  EXPECT_EQ(only_pair().transports, 1U);
}

TEST_F(QueuePairTest, ReadsUseUpNumbers) {
  const auto read = [](std::uint32_t bytes) {
    return Octets(12, 0) + be16(bytes >> 16) + be16(bytes & 0xffff);
  };
  send(kReadRequest, 100, read(4096));  // four packets of 1024, or sixteen of 256
  send(kReadRequest, 104, read(1));
  send(kSendOnly, 105);
  EXPECT_EQ(only_pair().gaps, 0U);
  send(kSendOnly, 107);
  EXPECT_EQ(only_pair().gaps, 1U);
}

TEST_F(QueuePairTest, ResponsesAndAcknowledgements) {
  send(kAcknowledge, 7);
  send(kAcknowledge, 90);
  send(kResponseFirst, 100);
  send(kResponseMiddle, 101);
  send(kAcknowledge, 99);
  send(kResponseLast, 102);
  send(kResponseFirst, 200);
  EXPECT_EQ(only_pair().gaps, 0U);
  send(kResponseLast, 202);
  EXPECT_EQ(only_pair().gaps, 1U);
  EXPECT_EQ(only_pair().missing, 1U);
  send(kAcknowledge, 100, {0x60});
  send(kAcknowledge, 100, {0x20});
  EXPECT_EQ(only_pair().negative_acknowledges, 1U);
  EXPECT_EQ(only_pair().receiver_not_ready, 1U);
}

TEST_F(QueuePairTest, DatagramsAndCongestion) {
  for (const unsigned sequence : {5U, 900U, 2U}) send(0x64, sequence);
  EXPECT_EQ(only_pair().gaps + only_pair().repeated + only_pair().restarts, 0U);
  EXPECT_EQ(only_pair().transports, 1U << 3);
  send(0x81, 0);
  EXPECT_EQ(only_pair().congestion_notifications, 1U);
  EXPECT_EQ(only_pair().packets, 4U);
  const End from{1, 49152}, to{2, 4791};
  Octets marked =
      ethernet(0x0800, ipv4(from, to, 17, udp(from, to, base(kSendOnly, 0x11, 1) + Octets(8, 0))));
  marked[15] |= 3;
  cross(marked);
  EXPECT_EQ(only_pair().congestion_marked, 1U);
}

TEST_F(QueuePairTest, Version1) {
  cross(ethernet(0x8915, route(kClient, kServer) + base(kSendOnly, 0x11, 1)));
  cross(ethernet(0x8915, route(kClient, kServer) + base(kSendOnly, 0x11, 3)));
  EXPECT_EQ(only_pair().gaps, 1U);
}

TEST_F(QueuePairTest, ThoseWithoutRoomAreCounted) {
  load({.flows_per_processor = 1024, .queue_pairs = 4});
  for (unsigned pair = 1; pair <= 100; ++pair) send(kSendOnly, 1, {}, pair);
  std::uint64_t pairs = 0;
  program_->read_queue_pairs([&](const queue_pair_key&, const queue_pair&) { ++pairs; });
  EXPECT_EQ(pairs + program_->queue_pairs_full(), 100U);
  EXPECT_EQ(pairs, 4U);
}

}  // namespace
}  // namespace weir
