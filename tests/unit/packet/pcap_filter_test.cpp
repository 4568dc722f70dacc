#include "packet/pcap_filter.h"

#include <gtest/gtest.h>

#include "packet_builder.h"
#include "says.h"

namespace weir {
namespace {

using namespace build;

Wire segment(std::uint16_t port) { return ipv4({.payload = tcp({.destination_port = port})}); }

TEST(PcapFilterTest, AppliesToEveryLinkTypeThatIsMet) {
  auto filter = PcapFilter::compile("tcp port 80");
  ASSERT_TRUE(filter);
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{80, 81}) {
    const Wire bytes = segment(port);
    const Wire framed = ethernet({.payload = bytes});
    const Wire cooked = Wire(14, 0) + Wire{8, 0} + bytes;
    EXPECT_EQ(filter->matches(frame(framed)), port == 80);
    EXPECT_EQ(filter->matches(frame(bytes, {.link_type = 101})), port == 80);
    EXPECT_EQ(filter->matches(frame(cooked, {.link_type = 113})), port == 80);
  }
  EXPECT_EQ(filter->error().context, "");
}

TEST(PcapFilterTest, LengthsAreThoseOfTheWire) {
  auto filter = PcapFilter::compile("greater 1000");
  ASSERT_TRUE(filter);
  const Wire framed = ethernet({.payload = segment(80)});
  EXPECT_FALSE(filter->matches(frame(framed)));
  EXPECT_TRUE(filter->matches(frame(framed, {.wire_bytes = 1000})));
}

TEST(PcapFilterTest, EmptyExpressionMatchesEverything) {
  auto filter = PcapFilter::compile("");
  ASSERT_TRUE(filter);
  EXPECT_TRUE(filter->matches(frame(Wire(60, 0))));
}

TEST(PcapFilterTest, BadExpressionIsOneErrorAtTheStart) {
  const auto filter = PcapFilter::compile("tcp prot 80");
  ASSERT_FALSE(filter);
  EXPECT_TRUE(says(filter.error().text(), "tcp prot 80"));
}

TEST(PcapFilterTest, SenselessForALinkTypeIsSaidOnce) {
  auto filter = PcapFilter::compile("ether host 02:00:00:00:00:01");
  ASSERT_TRUE(filter);
  const Wire bytes = segment(80);
  EXPECT_FALSE(filter->matches(frame(bytes, {.link_type = 101})));
  EXPECT_FALSE(filter->matches(frame(bytes, {.link_type = 101})));
  EXPECT_TRUE(says(filter->error().text(), "ether host"));
  EXPECT_TRUE(filter->matches(frame(ethernet({.payload = bytes}))));
}

}  // namespace
}  // namespace weir
