#include "kernel/pause_name.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

std::string meaning(std::string_view name) {
  const auto found = parse_pause_name(name);
  if (!found) return "nothing";
  static constexpr std::string_view kKinds[] = {"frames", "xon", "xoff", "microseconds"};
  std::string text = found->egress ? "egress " : "ingress ";
  if (found->priority == PauseName::kPlain) {
    text += "plain ";
  } else if (found->priority == PauseName::kAll) {
    text += "all ";
  } else {
    text += std::to_string(found->priority) + ' ';
  }
  return text.append(kKinds[static_cast<std::size_t>(found->kind)]);
}

TEST(PauseName, ByPriority) {
  EXPECT_EQ(meaning("rx_prio3_pause"), "ingress 3 frames");  // mlx5
  EXPECT_EQ(meaning("tx_prio7_pause_duration"), "egress 7 microseconds");
  EXPECT_EQ(meaning("rx_pause_prio_0"), "ingress 0 frames");  // mlx4, mlxsw
  EXPECT_EQ(meaning("tx_pause_duration_prio_5"), "egress 5 microseconds");
  EXPECT_EQ(meaning("tx_priority_2_xon.nic"), "egress 2 xon");  // ice
  EXPECT_EQ(meaning("rx_priority_2_xoff.nic"), "ingress 2 xoff");
  EXPECT_EQ(meaning("port.rx_priority_4_xoff"), "ingress 4 xoff");  // i40e
  EXPECT_EQ(meaning("port.tx_priority_4_xon_tx"), "egress 4 xon");
  EXPECT_EQ(meaning("rx_pb_1_pxoff"), "ingress 1 xoff");            // ixgbe
  EXPECT_EQ(meaning("tx_pfc_ena_frames_pri6"), "egress 6 frames");  // bnxt
  EXPECT_EQ(meaning("pfc_pri6_rx_duration_us"), "ingress 6 microseconds");
  EXPECT_EQ(meaning("tx_ppp0_frames         "), "egress 0 frames");      // cxgb4
  EXPECT_EQ(meaning("mac_rx_pfc_pri2_pkt_num"), "ingress 2 frames");     // hns3
  EXPECT_EQ(meaning("mac.rx_pause_frames_class1"), "ingress 1 frames");  // nfp
  EXPECT_EQ(meaning("hc_tc7_tx_pause_phy"), "egress 7 frames");          // mana
}

TEST(PauseName, OfTheWholeLink) {
  EXPECT_EQ(meaning("rx_pause_ctrl_phy"), "ingress plain frames");  // mlx5
  EXPECT_EQ(meaning("tx_global_pause_duration"), "egress plain microseconds");
  EXPECT_EQ(meaning("port.link_xoff_rx"), "ingress plain xoff");     // i40e
  EXPECT_EQ(meaning("link_xon_tx.nic"), "egress plain xon");         // ice
  EXPECT_EQ(meaning("rx_flow_control_xoff"), "ingress plain xoff");  // igb, ixgbe
  EXPECT_EQ(meaning("tx_pause_frames"), "egress plain frames");      // bnxt, qede
  EXPECT_EQ(meaning("rx_xon_pause_rcvd"), "ingress plain xon");      // tg3
  EXPECT_EQ(meaning("tx_xoff_sent"), "egress plain xoff");
  EXPECT_EQ(meaning("port_rx_pause"), "ingress plain frames");      // sfc
  EXPECT_EQ(meaning("mmc_tx_pause_frame"), "egress plain frames");  // stmmac
}

TEST(PauseName, OfWhateverPriority) {
  EXPECT_EQ(meaning("rx_pfc_frames"), "ingress all frames");      // qede
  EXPECT_EQ(meaning("pfc_frames_sent"), "egress all frames");     // bnx2x
  EXPECT_EQ(meaning("frames_tx_pripause"), "egress all frames");  // ionic
}

TEST(PauseName, WhatIsSomethingElse) {
  for (const std::string_view name :
       {"", " ", ".nic", "port.", "rx_packets", "rx_prio3_packets", "rx_prio8_pause",
        "rx_prio_pause", "rx_prio33_pause", "rx_prio3_pause_transition", "xx_prio3_pause",
        "ax_pause", "rx_prio3_paus", "rx_prio3_pausex", "rx_priority_2_xon_tx",
        "tx_pause_storm_warning_events", "rx_global_pause", "pfc_pri1_rx_transitions"}) {
    EXPECT_EQ(meaning(name), "nothing") << name;
  }
}

}  // namespace
}  // namespace weir
