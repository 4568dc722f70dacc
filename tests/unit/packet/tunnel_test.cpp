#include "dissector_test.h"

namespace weir {
namespace {

using namespace build;

class TunnelTest : public DissectorTest {
 protected:
  // From another host, so that inner and outer differ.
  static Wire over_ip(std::uint8_t protocol, const Wire& payload) {
    return ethernet(
        {.payload = ipv4({.protocol = protocol, .source_host = 9, .payload = payload})});
  }
  static Wire over_udp(std::uint16_t port, const Wire& payload) {
    return over_ip(17, udp({.source_port = 50000, .destination_port = port, .payload = payload}));
  }
  static Wire inner_frame() { return ethernet({.payload = segment4()}); }
  bool is_outer(std::uint16_t port) const {
    return packet_.transport == Transport::kUdp && source() == "10.0.0.9" &&
           packet_.source.port == 50000 && packet_.destination.port == port;
  }
};

TEST_F(TunnelTest, IpInIp) {
  EXPECT_EQ(dissect(over_ip(4, segment4())), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(source(), "10.0.0.1");
  EXPECT_EQ(dissect(over_ip(41, segment6())), Dissection::kPacket);
  EXPECT_TRUE(is_hello(false));
  EXPECT_EQ(
      dissect(ethernet({.type = 0x86dd, .payload = ipv6({.next = 4, .payload = segment4()})})),
      Dissection::kPacket);
  EXPECT_TRUE(is_hello());
}

TEST_F(TunnelTest, Gre) {
  EXPECT_EQ(dissect(over_ip(47, Wire{0, 0, 8, 0} + segment4())), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  const Wire full = Wire{0xb0, 0, 0x65, 0x58} + words({0, 7, 1});  // checksum, key, sequence
  EXPECT_EQ(dissect(over_ip(47, full + inner_frame())), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(dissect(over_ip(47, Wire{0x20, 0, 0x65, 0x58} + words({0x12345600}) + inner_frame())),
            Dissection::kPacket);  // NVGRE
  EXPECT_TRUE(is_hello());
  const Wire routed = Wire{0x40, 0, 8, 0} + words({0, 0x08000004, 0x0a000001, 0});
  EXPECT_EQ(dissect(over_ip(47, routed + segment4())), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  Wire pptp = {0x30, 0x81, 0x88, 0x0b};
  put16(pptp, static_cast<std::uint32_t>(segment4().size() + 4));
  pptp = pptp + Wire{0, 1} + words({1, 2}) + Wire{0xff, 3, 0, 0x21} + segment4();
  EXPECT_EQ(dissect(over_ip(47, pptp)), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(dissect(over_ip(47, Wire{0, 5, 8, 0} + segment4())), Dissection::kForeign);
  EXPECT_EQ(dissect(over_ip(47, Wire{0xb0, 0, 8, 0, 0, 0})), Dissection::kMalformed);
}

TEST_F(TunnelTest, Erspan) {
  EXPECT_EQ(dissect(over_ip(47, Wire{0, 0, 0x88, 0xbe} + inner_frame())), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(
      dissect(over_ip(47, Wire{0x10, 0, 0x88, 0xbe} + words({1, 0x10000000, 0}) + inner_frame())),
      Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  const Wire third = Wire{0x10, 0, 0x22, 0xeb} + words({1, 0x20000000, 0, 1, 0, 0});
  EXPECT_EQ(dissect(over_ip(47, third + inner_frame())), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
}

TEST_F(TunnelTest, Vxlan) {
  const Wire header = words({0x08000000, 0x00012300});
  for (const auto port : std::initializer_list<std::uint16_t>{4789, 8472}) {
    EXPECT_EQ(dissect(over_udp(port, header + inner_frame())), Dissection::kPacket);
    EXPECT_TRUE(is_hello());
  }
  EXPECT_EQ(dissect(over_udp(4790, words({0x0c000001, 0}) + segment4())), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  const Wire service = words({0x0fc20201, 0x00000101});
  EXPECT_EQ(dissect(over_udp(4790, words({0x0c000004, 0}) + service + segment4())),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello());
}

TEST_F(TunnelTest, Geneve) {
  const Wire header = words({0x02006558, 0x00012300, 0x01020000 | 1, 42});
  EXPECT_EQ(dissect(over_udp(6081, header + inner_frame())), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(dissect(over_udp(6081, words({0x00000800, 0x00012300}) + segment4())),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello());
}

TEST_F(TunnelTest, Gtp) {
  Wire header = {0x30, 255};
  put16(header, static_cast<std::uint32_t>(segment4().size()));
  EXPECT_EQ(dissect(over_udp(2152, header + words({1}) + segment4())), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  Wire extended = {0x34, 255};
  put16(extended, static_cast<std::uint32_t>(segment4().size() + 8));
  extended = extended + words({1}) + Wire{0, 0, 0, 0x85} + Wire{1, 0x10, 9, 0} + segment4();
  EXPECT_EQ(dissect(over_udp(2152, extended)), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(dissect(over_udp(2152, Wire{0x32, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0})),
            Dissection::kPacket);  // an echo request is the outer packet
  EXPECT_TRUE(is_outer(2152));
}

TEST_F(TunnelTest, TeredoAndMplsOverUdp) {
  const Wire origin = {0, 0, 1, 2, 3, 4, 5, 6};
  const Wire authentication = Wire{0, 1, 2, 2} + Wire(13, 0);
  EXPECT_EQ(dissect(over_udp(3544, authentication + origin + segment6())), Dissection::kPacket);
  EXPECT_TRUE(is_hello(false));
  EXPECT_EQ(dissect(over_udp(6635, words({0x00010140}) + segment4())), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
}

TEST_F(TunnelTest, UnreadableInsideIsAnOrdinaryDatagram) {
  const Wire broken_inner = ethernet({.payload = Wire{0x45} + Wire(40, 0)});
  EXPECT_EQ(dissect(over_udp(4789, words({0x08000000, 0}) + broken_inner)), Dissection::kPacket);
  EXPECT_TRUE(is_outer(4789));
  EXPECT_EQ(packet_.payload_bytes, 8 + broken_inner.size());
  for (const auto port :
       std::initializer_list<std::uint16_t>{2152, 3544, 4789, 4790, 6081, 6635, 8472}) {
    EXPECT_EQ(dissect(over_udp(port, text("a question"))), Dissection::kPacket);
    EXPECT_TRUE(is_outer(port));
    EXPECT_EQ(payload(), "a question");
  }
}

TEST_F(TunnelTest, ForeignInsideIsForeign) {
  const Wire header = words({0x08000000, 0});
  EXPECT_EQ(dissect(over_udp(4789, header + ethernet({.type = 0x0806, .payload = Wire(28, 0)}))),
            Dissection::kForeign);
}

TEST_F(TunnelTest, NotWhenSwitchedOff) {
  Dissector::Options options;
  options.decapsulate = false;
  dissector_ = Dissector(options);
  EXPECT_EQ(dissect(over_udp(4789, words({0x08000000, 0}) + inner_frame())), Dissection::kPacket);
  EXPECT_TRUE(is_outer(4789));
  EXPECT_EQ(dissect(over_ip(4, segment4())), Dissection::kForeign);
  EXPECT_EQ(dissect(over_ip(47, Wire{0, 0, 8, 0} + segment4())), Dissection::kForeign);
}

TEST_F(TunnelTest, DepthIsBounded) {
  Wire packet = segment4();
  for (int i = 0; i < 8; ++i) packet = ipv4({.protocol = 4, .payload = packet});
  EXPECT_EQ(dissect(ethernet({.payload = packet})), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(dissect(ethernet({.payload = ipv4({.protocol = 4, .payload = packet})})),
            Dissection::kMalformed);
  Wire frames = inner_frame();
  for (int i = 0; i < 40; ++i) {
    frames =
        ethernet({.payload = ipv4({.protocol = 47, .payload = Wire{0, 0, 0x65, 0x58} + frames})});
  }
  EXPECT_EQ(dissect(frames), Dissection::kMalformed);
}

}  // namespace
}  // namespace weir
