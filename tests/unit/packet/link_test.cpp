#include "dissector_test.h"

namespace weir {
namespace {

using namespace build;

class LinkTest : public DissectorTest {};

TEST_F(LinkTest, Tags) {
  const Wire tagged = tag({}) + segment4();
  EXPECT_EQ(dissect(ethernet({.type = 0x8100, .payload = tagged})), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  for (const auto outer : std::initializer_list<std::uint16_t>{0x88a8, 0x9100, 0x8100}) {
    EXPECT_EQ(dissect(ethernet({.type = outer, .payload = tag({.type = 0x8100}) + tagged})),
              Dissection::kPacket);
    EXPECT_TRUE(is_hello());
  }
  Wire stack = tagged;
  for (int i = 0; i < 7; ++i) stack = tag({.type = 0x8100}) + stack;
  EXPECT_EQ(dissect(ethernet({.type = 0x8100, .payload = stack})), Dissection::kPacket);
  EXPECT_EQ(dissect(ethernet({.type = 0x8100, .payload = tag({.type = 0x8100}) + stack})),
            Dissection::kMalformed);
}

TEST_F(LinkTest, KernelParsedLinkLayer) {
  EXPECT_EQ(dissect(segment4(), {.link_type = Frame::kNetworkLayer, .ether_type = 0x0800}),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(dissect(segment6(), {.link_type = Frame::kNetworkLayer, .ether_type = 0x86dd}),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello(false));
  EXPECT_EQ(
      dissect(tag({}) + segment4(), {.link_type = Frame::kNetworkLayer, .ether_type = 0x88a8}),
      Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  const Wire snap = Wire{0xaa, 0xaa, 3, 0, 0, 0, 8, 0} + segment4();
  EXPECT_EQ(dissect(snap, {.link_type = Frame::kNetworkLayer, .ether_type = 4}),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello());
}

TEST_F(LinkTest, LogicalLinkControl) {
  const Wire snap = Wire{0xaa, 0xaa, 3, 0, 0, 0, 8, 0} + segment4();
  const auto length = static_cast<std::uint16_t>(snap.size());
  EXPECT_EQ(dissect(ethernet({.type = length, .payload = snap})), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(dissect(ethernet({.type = 38, .payload = Wire{0x42, 0x42, 3} + Wire(43, 0)})),
            Dissection::kForeign);  // spanning tree
  EXPECT_EQ(dissect(ethernet({.type = 2, .payload = snap})), Dissection::kMalformed);
}

TEST_F(LinkTest, LinuxCooked) {
  Wire header(14, 0);
  put16(header, 0x0800);
  EXPECT_EQ(link(113, header + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(packet_.interface_id, 3U);
}

TEST_F(LinkTest, LinuxCookedV2NamesTheInterface) {
  const auto header = [](std::uint32_t ifindex) {
    return words({0x08000000, ifindex, 0x00010006, 0, 0});
  };
  EXPECT_EQ(link(276, header(17) + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  const std::uint32_t first = packet_.interface_id;
  EXPECT_EQ(first, Dissector::cooked_interface(3, 17));
  EXPECT_EQ(link(276, header(18) + segment4()), Dissection::kPacket);
  EXPECT_NE(packet_.interface_id, first);
  EXPECT_NE(packet_.interface_id, 18U);
}

TEST_F(LinkTest, RawAndLoopback) {
  for (const auto type : std::initializer_list<std::uint16_t>{101, 12, 14, 228}) {
    EXPECT_EQ(link(type, segment4()), Dissection::kPacket);
    EXPECT_TRUE(is_hello());
  }
  for (const auto type : std::initializer_list<std::uint16_t>{101, 229}) {
    EXPECT_EQ(link(type, segment6()), Dissection::kPacket);
    EXPECT_TRUE(is_hello(false));
  }
  EXPECT_EQ(link(0, Wire{2, 0, 0, 0} + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(link(108, Wire{0, 0, 0, 2} + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  for (const auto family : std::initializer_list<std::uint8_t>{10, 23, 24, 28, 30}) {
    EXPECT_EQ(link(0, Wire{family, 0, 0, 0} + segment6()), Dissection::kPacket);
    EXPECT_EQ(link(0, Wire{0, 0, 0, family} + segment6()), Dissection::kPacket);
    EXPECT_TRUE(is_hello(false));
  }
  EXPECT_EQ(link(0, Wire{7, 0, 0, 0} + segment4()), Dissection::kForeign);
}

TEST_F(LinkTest, PointToPoint) {
  EXPECT_EQ(link(9, Wire{0xff, 3, 0, 0x21} + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(link(9, Wire{0x21} + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(link(50, Wire{0x0f, 0, 8, 0} + segment4()), Dissection::kPacket);
  EXPECT_EQ(link(104, Wire{0x8f, 0, 0x86, 0xdd} + segment6()), Dissection::kPacket);
  EXPECT_TRUE(is_hello(false));
  EXPECT_EQ(link(9, Wire{0xff, 3, 0xc0, 0x21, 1, 1, 0, 4}), Dissection::kForeign);
  Wire session = {0x11, 0, 0, 9};
  put16(session, static_cast<std::uint32_t>(segment4().size() + 2));
  EXPECT_EQ(dissect(ethernet({.type = 0x8864, .payload = session + Wire{0, 0x21} + segment4()})),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello());
}

TEST_F(LinkTest, LogsAndPseudoDevices) {
  const auto payload = static_cast<std::uint8_t>(segment4().size() + 4);
  const Wire prefix = {8, 0, 1, 0, 8, 0, 0, 0};  // another record before it
  EXPECT_EQ(link(239, Wire{2, 0, 0, 0} + prefix + Wire{payload, 0, 9, 0} + segment4()),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(link(239, Wire{2, 0, 0, 0} + Wire{0, payload, 0, 9} + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(link(239, Wire{2, 0, 0, 0, 0, 0, 9, 0}), Dissection::kMalformed);
  const Wire pktap = Wire{16, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(link(258, pktap + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  Wire endless = Wire{12, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0};
  for (int i = 0; i < 5; ++i) endless = endless + endless;
  EXPECT_EQ(link(258, endless), Dissection::kMalformed);
  EXPECT_EQ(link(242, Wire(40, 0) + Wire{8, 0, 0, 0} + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(link(129, Wire{1, 2, 0, 0, 0xd4, 0, 0, 1} + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(link(7, Wire{1, 2, 0xd4, 0xff, 0, 0, 0, 0, 0, 1} + segment4()), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
}

TEST_F(LinkTest, Wireless) {
  const Wire snap = Wire{0xaa, 0xaa, 3, 0, 0, 0, 8, 0} + segment4();
  const Wire data = Wire{0x08, 0x01} + Wire(22, 0);
  EXPECT_EQ(link(105, data + snap), Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(link(127, Wire{0, 0, 9, 0, 0, 0, 0, 0, 0} + data + snap), Dissection::kPacket);
  EXPECT_EQ(link(105, Wire{0x88, 0x03} + Wire(22, 0) + Wire(6, 0) + Wire(2, 0) + snap),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(link(105, Wire{0x08, 0x41} + Wire(22, 0) + snap), Dissection::kForeign);  // encrypted
  EXPECT_EQ(link(105, Wire{0x80, 0} + Wire(30, 0)), Dissection::kForeign);            // beacon
}

TEST_F(LinkTest, LabelsAndIntegrityTags) {
  const Wire labels = words({0x00010040, 0x00011140});
  EXPECT_EQ(dissect(ethernet({.type = 0x8847, .payload = labels + segment6()})),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello(false));
  EXPECT_EQ(dissect(ethernet({.type = 0x8848,
                              .payload = labels + words({0}) + ethernet({.payload = segment4()})})),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  EXPECT_EQ(dissect(ethernet({.type = 0x8847, .payload = Wire(400, 0)})), Dissection::kMalformed);
  const Wire clear = Wire{0x20, 0} + Wire(12, 7) + Wire{8, 0};
  EXPECT_EQ(dissect(ethernet({.type = 0x88e5, .payload = clear + segment4() + Wire(16, 9)})),
            Dissection::kPacket);
  EXPECT_TRUE(is_hello());
  const Wire encrypted = Wire{0x2c, 0} + Wire(64, 7);
  EXPECT_EQ(dissect(ethernet({.type = 0x88e5, .payload = encrypted})), Dissection::kForeign);
}

TEST_F(LinkTest, ForeignAndUnreadable) {
  EXPECT_EQ(dissect(ethernet({.type = 0x0806, .payload = Wire(28, 0)})), Dissection::kForeign);
  EXPECT_EQ(dissect(ethernet({.type = 0xabcd, .payload = Wire(28, 0)})), Dissection::kForeign);
  EXPECT_EQ(link(160, segment4()), Dissection::kLinkType);
  EXPECT_EQ(dissect({}), Dissection::kMalformed);
}

}  // namespace
}  // namespace weir
