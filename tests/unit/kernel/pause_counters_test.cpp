#include "kernel/pause_counters.h"

#include <gtest/gtest.h>
#include <linux/dcbnl.h>

#include "unit/kernel/netlink_builder.h"

namespace weir {
namespace {

constexpr auto kPlain = PauseName::kPlain;
constexpr auto kAll = PauseName::kAll;

PauseCounters counted(const std::vector<NamedStatistic>& statistics) {
  PauseCounters pauses;
  add_driver_pauses(pauses, statistics);
  return pauses;
}

TEST(PauseCounters, TakesADriversStatistics) {
  const auto pauses = counted({{"rx_packets", 99},
                               {"rx_prio3_pause", 5},
                               {"rx_prio3_pause_duration", 700},
                               {"tx_pause_ctrl_phy", 6}});
  EXPECT_EQ(pauses.ingress[3].frames, 5U);
  EXPECT_EQ(pauses.ingress[3].microseconds, 700U);
  EXPECT_EQ(pauses.egress[kPlain].frames, 6U);
  EXPECT_FALSE(pauses.ingress[kPlain].frames);
  EXPECT_FALSE(pauses.egress[3].frames);
}

TEST(PauseCounters, FramesAreTheirXonAndXoff) {
  const auto pauses = counted({{"link_xoff_rx.nic", 2},
                               {"link_xon_rx.nic", 3},
                               {"tx_xon_sent", 7},
                               {"tx_pause", 20},
                               {"tx_xoff_sent", 13}});
  EXPECT_EQ(pauses.ingress[kPlain].frames, 5U);
  EXPECT_EQ(pauses.egress[kPlain].frames, 20U) << "told as a whole: not counted twice";
}

TEST(PauseCounters, OfTwoNamesForTheSameTheFirstCounts) {
  const auto pauses = counted({{"rx_pause_frames", 4}, {"port.rx_pause_frames", 40}});
  EXPECT_EQ(pauses.ingress[kPlain].frames, 4U);
}

TEST(PauseCounters, TheSumOfAllPrioritiesIsForDriversThatHaveNothingElse) {
  EXPECT_EQ(counted({{"rx_pfc_frames", 4}}).ingress[kAll].frames, 4U);
  const auto both = counted({{"rx_pfc_frames", 4}, {"rx_pfc_ena_frames_pri1", 3}});
  EXPECT_FALSE(both.ingress[kAll].frames);
  EXPECT_EQ(both.ingress[1].frames, 3U);
}

TEST(PauseCounters, EmptyWhereNothingIsCounted) {
  EXPECT_TRUE(counted({{"rx_packets", 99}, {"peer_ifindex", 3}}).empty());
  EXPECT_FALSE(counted({{"rx_pause_frames", 0}}).empty());
}

Octets dcb_answer(const Octets& pfc) {
  dcbmsg header{};
  header.cmd = DCB_CMD_IEEE_GET;
  return joined(octets_of(header),
                {attribute(DCB_ATTR_IFNAME, text("eth0")),
                 attribute(DCB_ATTR_IEEE | NLA_F_NESTED, attribute(DCB_ATTR_IEEE_PFC, pfc))});
}

ieee_pfc pfc_of(std::uint8_t capability) {
  ieee_pfc pfc{};
  pfc.pfc_cap = capability;
  pfc.requests[0] = 1;
  pfc.requests[7] = 2;
  pfc.indications[3] = 3;
  return pfc;
}

TEST(PauseCounters, TakesTheAnswerOfDcb) {
  auto pauses = counted({{"rx_pfc_frames", 3}, {"tx_pfc_frames", 3}});
  add_dcb_pauses(pauses, dcb_answer(octets_of(pfc_of(8))));
  EXPECT_FALSE(pauses.ingress[kAll].frames || pauses.egress[kAll].frames) << "told by priority";
  EXPECT_EQ(pauses.egress[0].frames, 1U);
  EXPECT_EQ(pauses.egress[7].frames, 2U);
  EXPECT_EQ(pauses.ingress[3].frames, 3U);
  EXPECT_EQ(pauses.ingress[0].frames, 0U);
  EXPECT_FALSE(pauses.ingress[kPlain].frames);
}

TEST(PauseCounters, WithoutTheCapabilityDcbSaysNothing) {
  PauseCounters pauses;
  add_dcb_pauses(pauses, dcb_answer(octets_of(pfc_of(0))));
  EXPECT_TRUE(pauses.empty());
}

TEST(PauseCounters, EveryTruncationOfDcbIsHarmless) {
  const auto whole = dcb_answer(octets_of(pfc_of(8)));
  each_truncation(whole, [&](const Octets& cut) {
    PauseCounters pauses;
    add_dcb_pauses(pauses, cut);
    EXPECT_EQ(pauses.empty(), cut.size() < whole.size());
  });
  for (std::size_t size = 0; size < sizeof(ieee_pfc); ++size) {
    PauseCounters pauses;
    add_dcb_pauses(pauses, dcb_answer(Octets(size, 1)));
    EXPECT_TRUE(pauses.empty());
  }
}

TEST(PauseCounters, DevicesThatCountNoneArePassedOverInSilence) {
  std::vector<DeviceStatistics> devices(3);
  devices[0].name = "lo";
  devices[1].name = "no-such-device";
  devices[2].name = std::string(200, 'x');
  const auto pauses = read_pause_counters(devices);
  ASSERT_TRUE(pauses) << pauses.error().text();
  EXPECT_TRUE(pauses->empty());
}

}  // namespace
}  // namespace weir
