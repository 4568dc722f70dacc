#include <random>
#include <tuple>

#include "dissector_test.h"

namespace weir {
namespace {

using namespace build;

class NetworkTest : public DissectorTest {};

TEST_F(NetworkTest, ReadsTcpOverIpv4) {
  const Wire bytes = ethernet({.payload = ipv4({.payload = tcp({.source_port = 1234,
                                                                .destination_port = 8080,
                                                                .sequence = 0xfffffff0,
                                                                .acknowledgment = 77,
                                                                .flags = 0x19,
                                                                .window = 4321,
                                                                .payload = text("abc")})})});
  ASSERT_EQ(dissect(bytes), Dissection::kPacket);
  EXPECT_EQ(packet_.transport, Transport::kTcp);
  EXPECT_EQ(packet_.time, 1'700'000'000 * kSecond);
  EXPECT_EQ(packet_.interface_id, 3U);
  EXPECT_EQ(source(), "10.0.0.1");
  EXPECT_EQ(packet_.source.port, 1234);
  EXPECT_EQ(packet_.destination.port, 8080);
  EXPECT_EQ(packet_.tcp.sequence, 0xfffffff0);
  EXPECT_EQ(packet_.tcp.acknowledgment, 77U);
  EXPECT_EQ(packet_.tcp.window, 4321);
  EXPECT_TRUE(packet_.tcp.fin && packet_.tcp.psh && packet_.tcp.ack);
  EXPECT_FALSE(packet_.tcp.syn || packet_.tcp.rst || packet_.tcp.has_timestamps);
  EXPECT_EQ(payload(), "abc");
  EXPECT_EQ(packet_.payload_bytes, 3U);
}

// Behind an Ethernet header the usual segment takes a short way, as raw IP it does not.
TEST_F(NetworkTest, TheShortWaySaysWhatTheGeneralOneSays) {
  std::mt19937 random(1);
  const auto below = [&](std::size_t end) { return static_cast<std::size_t>(random() % end); };
  int packets = 0;
  for (int i = 0; i < 50'000; ++i) {
    const Wire options[] = {{}, words({0x0101080a, 7, 9}), Wire(12, 1)};
    Wire ip = ipv4({.payload = tcp({.flags = static_cast<std::uint8_t>(random()),
                                    .options = options[below(3)],
                                    .payload = Wire(below(40), 'x')})});
    for (std::size_t damage = below(4); damage > 1; --damage) {
      ip[below(ip.size())] = static_cast<std::uint8_t>(random());
    }
    if (ip[0] >> 4 == 6) continue;  // raw IP tells its version, behind Ethernet the type does
    const auto wire = static_cast<std::uint32_t>(ip.size() + below(8) * below(2));
    if (below(3) == 0) ip = cut(ip, below(ip.size()) + 1);
    const Wire framed = ethernet({.payload = ip});
    Dissector one, other;
    Packet usual, general;
    const Dissection said = one.dissect(frame(framed, {.wire_bytes = wire + 14}), usual);
    ASSERT_EQ(said, other.dissect(frame(ip, {.link_type = 101, .wire_bytes = wire}), general));
    if (said != Dissection::kPacket) continue;
    ++packets;
    ASSERT_EQ(usual.transport, general.transport);
    ASSERT_EQ(usual.source, general.source);
    ASSERT_EQ(usual.destination, general.destination);
    ASSERT_EQ(as_text(usual.payload), as_text(general.payload));
    ASSERT_EQ(usual.payload_bytes, general.payload_bytes);
    ASSERT_EQ(usual.tcp.sequence, general.tcp.sequence);
    ASSERT_EQ(usual.tcp.acknowledgment, general.tcp.acknowledgment);
    ASSERT_EQ(usual.tcp.window, general.tcp.window);
    const auto flags = [](const TcpHeader& t) {
      return std::tuple(t.fin, t.syn, t.rst, t.psh, t.ack, t.has_timestamps, t.timestamp_value,
                        t.timestamp_echo, t.window_scale, t.has_dsack);
    };
    ASSERT_EQ(flags(usual.tcp), flags(general.tcp));
  }
  EXPECT_GT(packets, 20'000);
}

TEST_F(NetworkTest, EthernetPaddingIsNotPayload) {
  const Wire bytes = ethernet({.payload = ipv4({.payload = tcp({})})}) + Wire(6, 0);
  ASSERT_EQ(dissect(bytes), Dissection::kPacket);
  EXPECT_EQ(packet_.payload_bytes, 0U);
}

TEST_F(NetworkTest, SnapLengthCutsThePayload) {
  Wire bytes = ethernet({.payload = ipv4({.payload = tcp({.payload = Wire(1000, 'x')})})});
  const auto wire = static_cast<std::uint32_t>(bytes.size());
  bytes = cut(bytes, 64);
  ASSERT_EQ(dissect(bytes, {.wire_bytes = wire}), Dissection::kPacket);
  EXPECT_EQ(packet_.payload.size(), 10U);
  EXPECT_EQ(packet_.payload_bytes, 1000U);
}

TEST_F(NetworkTest, SnapLengthCutsTheTcpOptions) {
  Wire bytes = ethernet(
      {.payload = ipv4({.payload = tcp({.options = Wire(12, 1), .payload = text("abcd")})})});
  const auto wire = static_cast<std::uint32_t>(bytes.size());
  bytes = cut(bytes, 14 + 20 + 24);
  ASSERT_EQ(dissect(bytes, {.wire_bytes = wire}), Dissection::kPacket);
  EXPECT_EQ(packet_.payload.size(), 0U);
  EXPECT_EQ(packet_.payload_bytes, 4U);
}

TEST_F(NetworkTest, LargeOffloadedPacketHasNoTotalLength) {
  const Wire bytes = ethernet({.payload = ipv4({.total_length = std::uint16_t{0},
                                                .payload = tcp({.payload = Wire(80000, 'x')})})});
  ASSERT_EQ(dissect(bytes), Dissection::kPacket);
  EXPECT_EQ(packet_.payload_bytes, 80000U);
}

TEST_F(NetworkTest, RightChecksumVouchesForALengthBeyondTheFrame) {
  const Wire payload = tcp({.payload = text("head")});
  ASSERT_EQ(dissect(ethernet(
                {.payload = ipv4({.total_length = std::uint16_t{1040}, .payload = payload})})),
            Dissection::kPacket);
  EXPECT_EQ(packet_.payload_bytes, 1000U);
  ASSERT_EQ(dissect(ethernet({.payload = ipv4({.total_length = std::uint16_t{1040},
                                               .wrong_checksum = true,
                                               .payload = payload})})),
            Dissection::kPacket);
  EXPECT_EQ(packet_.payload_bytes, 4U);
}

TEST_F(NetworkTest, SkipsIpv4Options) {
  ASSERT_EQ(dissect(ethernet({.payload = ipv4({.options = Wire(8, 1),
                                               .payload = tcp({.payload = text("hello")})})})),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello());
}

TEST_F(NetworkTest, ContradictoryHeadersAreMalformed) {
  Wire short_header = segment4();
  short_header[0] = 0x44;
  EXPECT_EQ(dissect(ethernet({.payload = short_header})), Dissection::kMalformed);
  Wire version = segment4();
  version[0] = 0x55;
  EXPECT_EQ(dissect(ethernet({.payload = version})), Dissection::kMalformed);
  EXPECT_EQ(
      dissect(ethernet({.payload = ipv4({.total_length = std::uint16_t{19}, .payload = tcp({})})})),
      Dissection::kMalformed);
  for (const auto header_words : std::initializer_list<std::uint8_t>{0, 4, 15}) {
    EXPECT_EQ(
        dissect(ethernet({.payload = ipv4({.payload = tcp({.header_words = header_words})})})),
        Dissection::kMalformed);
  }
  EXPECT_EQ(dissect(ethernet(
                {.payload = ipv4({.protocol = 17, .payload = udp({.length = std::uint16_t{7}})})})),
            Dissection::kMalformed);
}

TEST_F(NetworkTest, EveryTruncationHasAVerdict) {
  const Wire whole = ethernet({.payload = segment4()});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto verdict =
        dissect(cut(whole, size), {.wire_bytes = static_cast<std::uint32_t>(whole.size())});
    EXPECT_EQ(verdict, size < 14 + 20 + 20 ? Dissection::kMalformed : Dissection::kPacket) << size;
  }
}

TEST_F(NetworkTest, ReadsTcpOptions) {
  Wire options = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 1, 3, 3, 7};
  ASSERT_EQ(
      dissect(ethernet({.payload = ipv4({.payload = tcp({.flags = 2, .options = options})})})),
      Dissection::kPacket);
  EXPECT_TRUE(packet_.tcp.syn && packet_.tcp.has_timestamps);
  EXPECT_EQ(packet_.tcp.timestamp_value, 9U);
  EXPECT_EQ(packet_.tcp.timestamp_echo, 8U);
  EXPECT_EQ(packet_.tcp.window_scale, 7);
  const Wire usual = Wire{1, 1, 8, 10} + words({5, 6});
  ASSERT_EQ(dissect(ethernet({.payload = ipv4({.payload = tcp({.options = usual})})})),
            Dissection::kPacket);
  EXPECT_EQ(packet_.tcp.timestamp_value, 5U);
  EXPECT_EQ(packet_.tcp.window_scale, -1);
}

TEST_F(NetworkTest, BrokenTcpOptionsEndTheList) {
  for (const Wire& options :
       {Wire{8, 0, 0, 0}, Wire{8, 10, 0, 0}, Wire{3, 1, 0, 0}, Wire{1, 1, 1, 8}}) {
    ASSERT_EQ(
        dissect(ethernet(
            {.payload = ipv4({.payload = tcp({.options = options, .payload = text("hello")})})})),
        Dissection::kPacket);
    EXPECT_TRUE(is_hello());
    EXPECT_FALSE(packet_.tcp.has_timestamps);
  }
}

TEST_F(NetworkTest, RecognisesDuplicateSack) {
  const auto reports = [&](std::uint32_t acknowledgment, const Wire& blocks) {
    const Wire options = Wire{1, 1, 5, static_cast<std::uint8_t>(2 + blocks.size())} + blocks;
    EXPECT_EQ(dissect(ethernet({.payload = ipv4({.payload = tcp({.acknowledgment = acknowledgment,
                                                                 .options = options})})})),
              Dissection::kPacket);
    return packet_.tcp.has_dsack;
  };
  EXPECT_FALSE(reports(1000, words({1500, 2000})));
  EXPECT_TRUE(reports(1000, words({500, 1000})));
  EXPECT_TRUE(reports(1000, words({1500, 1600, 1500, 2000})));
  EXPECT_FALSE(reports(1000, words({1500, 2500, 1500, 2000})));
  EXPECT_TRUE(reports(50, words({0xffffff00, 10})));  // across the wrap
}

TEST_F(NetworkTest, ReadsUdp) {
  const Wire datagram = udp({.source_port = 5353, .destination_port = 99, .payload = text("xyz")});
  ASSERT_EQ(
      dissect(ethernet({.payload = ipv4({.protocol = 17, .payload = datagram + Wire(4, 0)})})),
      Dissection::kPacket);
  EXPECT_EQ(packet_.transport, Transport::kUdp);
  EXPECT_EQ(packet_.source.port, 5353);
  EXPECT_EQ(payload(), "xyz");
  EXPECT_EQ(packet_.payload_bytes, 3U);
  ASSERT_EQ(dissect(ethernet({.payload = ipv4({.protocol = 17,
                                               .payload = udp({.payload = text("xyz"),
                                                               .length = std::uint16_t{0}})})})),
            Dissection::kPacket);
  EXPECT_EQ(payload(), "xyz");
}

TEST_F(NetworkTest, ReadsIpv6WithExtensionHeaders) {
  ASSERT_EQ(dissect(ethernet({.type = 0x86dd, .payload = segment6()})), Dissection::kPacket);
  EXPECT_TRUE(is_hello(false));
  EXPECT_EQ(source(), "fd00::1");
  const Wire headers = Wire{43, 0, 1, 4, 0, 0, 0, 0} +                               // hop by hop
                       Wire{60, 2, 4, 0, 0, 0, 0, 0} + Wire(16, 1) +                 // routing
                       Wire{51, 0, 1, 4, 0, 0, 0, 0} +                               // destination
                       Wire{44, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1} + Wire(12, 0xee) +  // AH
                       Wire{6, 0, 0, 0, 0, 0, 0, 9};  // the only fragment
  ASSERT_EQ(
      dissect(ethernet(
          {.type = 0x86dd,
           .payload = ipv6({.next = 0, .payload = headers + tcp({.payload = text("hello")})})})),
      Dissection::kPacket);
  EXPECT_TRUE(is_hello(false));
}

TEST_F(NetworkTest, ReadsJumbograms) {
  const Wire segment = tcp({.payload = Wire(70000, 'x')});
  const Wire jumbo = Wire{6, 0, 0xc2, 4} + words({static_cast<std::uint32_t>(segment.size() + 8)});
  const Wire packet =
      ipv6({.next = 0, .payload_length = std::uint16_t{0}, .payload = jumbo + segment});
  ASSERT_EQ(dissect(ethernet({.type = 0x86dd, .payload = packet + Wire(4, 0)})),
            Dissection::kPacket);
  EXPECT_EQ(packet_.payload_bytes, 70000U);
  const Wire lying = Wire{6, 0, 0xc2, 4} + words({0x7fffffff}) + segment;
  ASSERT_EQ(
      dissect(ethernet(
          {.type = 0x86dd,
           .payload = ipv6({.next = 0, .payload_length = std::uint16_t{0}, .payload = lying})})),
      Dissection::kPacket);
  EXPECT_EQ(packet_.payload_bytes, 70000U);
  ASSERT_EQ(dissect(ethernet(
                {.type = 0x86dd,
                 .payload = ipv6({.payload_length = std::uint16_t{0}, .payload = segment})})),
            Dissection::kPacket);
  EXPECT_EQ(packet_.payload_bytes, 70000U);
}

TEST_F(NetworkTest, AbsurdWireLengthIsBounded) {
  const Wire bytes =
      ethernet({.payload = ipv4({.total_length = std::uint16_t{0}, .payload = tcp({})})});
  ASSERT_EQ(dissect(bytes, {.wire_bytes = 0xffffffff}), Dissection::kPacket);
  EXPECT_LE(packet_.payload_bytes, std::uint32_t{1} << 20);
}

TEST_F(NetworkTest, EndlessExtensionHeadersEnd) {
  Wire headers;
  for (int i = 0; i < 100; ++i) headers = std::move(headers) + Wire{60, 0, 1, 4, 0, 0, 0, 0};
  EXPECT_EQ(dissect(ethernet({.type = 0x86dd, .payload = ipv6({.next = 60, .payload = headers})})),
            Dissection::kMalformed);
}

TEST_F(NetworkTest, WhatIsNeitherTcpNorUdpIsForeign) {
  for (const auto protocol : std::initializer_list<std::uint8_t>{1, 2, 50, 59, 89, 132}) {
    EXPECT_EQ(dissect(ethernet({.payload = ipv4({.protocol = protocol, .payload = Wire(64, 0)})})),
              Dissection::kForeign);
  }
  // The packet that an ICMP error quotes is not traffic.
  EXPECT_EQ(
      dissect(ethernet({.payload = ipv4({.protocol = 1,
                                         .payload = Wire{3, 3, 0, 0, 0, 0, 0, 0} + segment4()})})),
      Dissection::kForeign);
}

}  // namespace
}  // namespace weir
