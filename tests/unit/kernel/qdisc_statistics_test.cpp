#include "kernel/qdisc_statistics.h"

#include <gtest/gtest.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>

#include "unit/kernel/netlink_builder.h"

namespace weir {
namespace {

// As on the wire: the C struct is padded behind the packets, the kernel's is not always.
struct [[gnu::packed]] Basic {
  std::uint64_t bytes = 0x1'0000'0001;
  std::uint32_t packets = 2;
};

Octets qdisc(std::uint32_t handle, std::uint32_t parent, const std::vector<Octets>& statistics) {
  tcmsg header{};
  header.tcm_ifindex = 3;
  header.tcm_handle = handle;
  header.tcm_parent = parent;
  return joined(octets_of(header), {attribute(TCA_KIND, text("tbf")),
                                    attribute(TCA_STATS2 | NLA_F_NESTED, joined({}, statistics))});
}

Octets queue() { return attribute(TCA_STATS_QUEUE, octets_of(gnet_stats_queue{5, 6, 7, 8, 9})); }

TEST(QdiscStatistics, ReadsAMessage) {
  const auto parsed = parse_qdisc_statistics(
      qdisc(0x80010000, TC_H_ROOT, {attribute(TCA_STATS_BASIC, octets_of(Basic{})), queue()}));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->interface_index, 3U);
  EXPECT_EQ(parsed->kind, "tbf");
  EXPECT_EQ(parsed->handle, "8001:");
  EXPECT_EQ(parsed->parent, "root");
  EXPECT_EQ(parsed->bytes, 0x1'0000'0001U);
  EXPECT_EQ(parsed->packets, 2U);
  EXPECT_EQ(parsed->backlog_packets, 5U);
  EXPECT_EQ(parsed->backlog_bytes, 6U);
  EXPECT_EQ(parsed->dropped, 7U);
  EXPECT_EQ(parsed->requeues, 8U);
  EXPECT_EQ(parsed->overlimits, 9U);
}

TEST(QdiscStatistics, PacketsBeyond32BitsAreTold) {
  const auto wide = attribute(TCA_STATS_PKT64, octets_of(std::uint64_t{0x2'0000'0002}));
  const auto basic = attribute(TCA_STATS_BASIC, octets_of(Basic{}));
  for (const auto& order : {std::vector{wide, basic}, std::vector{basic, wide}}) {
    const auto parsed = parse_qdisc_statistics(qdisc(0x10000, TC_H_ROOT, order));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->packets, 0x2'0000'0002U);
  }
}

TEST(QdiscStatistics, HandlesAreWrittenAsTcDoes) {
  const auto parent_of = [](std::uint32_t parent) {
    return parse_qdisc_statistics(qdisc(0, parent, {}))->parent;
  };
  EXPECT_EQ(parent_of(TC_H_ROOT), "root");
  EXPECT_EQ(parent_of(0), "none");
  EXPECT_EQ(parent_of(0x10002), "1:2");
  EXPECT_EQ(parent_of(0x000a0000), "a:");
  EXPECT_EQ(parent_of(0x0000000b), ":b");
  EXPECT_EQ(parent_of(TC_H_CLSACT), "ffff:fff1");
  EXPECT_EQ(parse_qdisc_statistics(qdisc(0, TC_H_ROOT, {}))->handle, "0:");
}

TEST(QdiscStatistics, EveryTruncationIsHarmless) {
  const auto whole =
      qdisc(0x10000, TC_H_ROOT, {attribute(TCA_STATS_BASIC, octets_of(Basic{})), queue()});
  each_truncation(whole, [](const Octets& cut) {
    if (const auto parsed = parse_qdisc_statistics(cut)) {
      EXPECT_EQ(parsed->kind, "tbf");
    }
  });
  // And attributes that are shorter than what they should hold.
  for (std::size_t size = 0; size < 20; ++size) {
    const auto shorter = attribute(TCA_STATS_QUEUE, Octets(size, 1));
    const auto parsed = parse_qdisc_statistics(qdisc(0x10000, TC_H_ROOT, {shorter}));
    ASSERT_TRUE(parsed);
    EXPECT_NE(parsed->overlimits, 0x01010101U);
  }
}

}  // namespace
}  // namespace weir
