#include "kernel/pause_name.h"

namespace weir {
namespace {

using enum PauseKind;
constexpr std::uint8_t kPlain = PauseName::kPlain;
constexpr std::uint8_t kAll = PauseName::kAll;
constexpr std::uint8_t kDigit = 0xff;  // the priority is the digit at '#'

struct Pattern {
  std::string_view text;  // '@': r or t, the direction's first letter; '#': a digit from 0 to 7
  std::uint8_t priority;
  PauseKind kind;
};

// As `ethtool -S` shows them, without the "port." and "mac." before and the ".nic" behind.
constexpr Pattern kPatterns[] = {
    // mlx5; rx_pause_ctrl_phy counts what rx_global_pause does, and is always there
    {"@x_prio#_pause", kDigit, kFrames},
    {"@x_prio#_pause_duration", kDigit, kMicroseconds},
    {"@x_pause_ctrl_phy", kPlain, kFrames},
    {"@x_global_pause_duration", kPlain, kMicroseconds},
    // mlx4, mlxsw
    {"@x_pause_prio_#", kDigit, kFrames},
    {"@x_pause_duration_prio_#", kDigit, kMicroseconds},
    {"@x_pause", kPlain, kFrames},
    {"@x_pause_duration", kPlain, kMicroseconds},
    // ice, i40e
    {"@x_priority_#_xon", kDigit, kXon},
    {"@x_priority_#_xoff", kDigit, kXoff},
    {"@x_priority_#_xon_@x", kDigit, kXon},
    {"@x_priority_#_xoff_@x", kDigit, kXoff},
    {"link_xon_@x", kPlain, kXon},
    {"link_xoff_@x", kPlain, kXoff},
    // ixgbe, igb, igc, e1000e
    {"@x_pb_#_pxon", kDigit, kXon},
    {"@x_pb_#_pxoff", kDigit, kXoff},
    {"@x_flow_control_xon", kPlain, kXon},
    {"@x_flow_control_xoff", kPlain, kXoff},
    // bnxt, bnge
    {"@x_pfc_ena_frames_pri#", kDigit, kFrames},
    {"pfc_pri#_@x_duration_us", kDigit, kMicroseconds},
    // bnxt, qede, bnx2x, cxgb4, amd-xgbe
    {"@x_pause_frames", kPlain, kFrames},
    {"@x_pfc_frames", kAll, kFrames},
    // cxgb4
    {"@x_ppp#_frames", kDigit, kFrames},
    // hns3, hinic
    {"mac_@x_pfc_pri#_pkt_num", kDigit, kFrames},
    {"mac_@x_mac_pause_num", kPlain, kFrames},
    {"mac_@x_pause_num", kPlain, kFrames},
    // nfp
    {"@x_pause_frames_class#", kDigit, kFrames},
    {"@x_pause_mac_ctrl_frames", kPlain, kFrames},
    // mana
    {"hc_tc#_@x_pause_phy", kDigit, kFrames},
    // ionic
    {"frames_@x_pause", kPlain, kFrames},
    {"frames_@x_pripause", kAll, kFrames},
    // sfc
    {"port_@x_pause", kPlain, kFrames},
};

// Names that say the direction in another way: bnx2x, tg3, stmmac, mlxsw (cut by the kernel's 32
// bytes).
struct Word {
  std::string_view text;
  PauseName meaning;
};
constexpr Word kWords[] = {
    {"pfc_frames_received", {false, kAll, kFrames}},
    {"pfc_frames_sent", {true, kAll, kFrames}},
    {"rx_xon_pause_rcvd", {false, kPlain, kXon}},
    {"rx_xoff_pause_rcvd", {false, kPlain, kXoff}},
    {"tx_xon_sent", {true, kPlain, kXon}},
    {"tx_xoff_sent", {true, kPlain, kXoff}},
    {"mmc_rx_pause_frames", {false, kPlain, kFrames}},
    {"mmc_tx_pause_frame", {true, kPlain, kFrames}},
    {"a_pause_mac_ctrl_frames_received", {false, kPlain, kFrames}},
    {"a_pause_mac_ctrl_frames_transmitted", {true, kPlain, kFrames}},
    {"a_pause_mac_ctrl_frames_transmit", {true, kPlain, kFrames}},
    {"a_pause_mac_ctrl_frames_transmi", {true, kPlain, kFrames}},
    {"a_pause_mac_ctrl_frames_receive", {false, kPlain, kFrames}},
};

std::string_view core_of(std::string_view name) {
  while (name.ends_with(' ')) name.remove_suffix(1);  // cxgb4 pads its names
  if (name.ends_with(".nic")) name.remove_suffix(4);
  for (const std::string_view prefix : {"port.", "mac."}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return name;
}

std::optional<PauseName> matched(std::string_view name, const Pattern& pattern) {
  if (name.size() != pattern.text.size()) return std::nullopt;
  PauseName found{false, pattern.priority, pattern.kind};
  char direction = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (pattern.text[i] == '@') {
      if ((c != 'r' && c != 't') || (direction != 0 && direction != c)) return std::nullopt;
      direction = c;
    } else if (pattern.text[i] == '#') {
      if (c < '0' || c > '7') return std::nullopt;
      found.priority = static_cast<std::uint8_t>(c - '0');
    } else if (c != pattern.text[i]) {
      return std::nullopt;
    }
  }
  found.egress = direction == 't';
  return found;
}

}  // namespace

std::optional<PauseName> parse_pause_name(std::string_view name) {
  name = core_of(name);
  for (const Word& word : kWords) {
    if (name == word.text) return word.meaning;
  }
  for (const Pattern& pattern : kPatterns) {
    if (const auto found = matched(name, pattern)) return found;
  }
  return std::nullopt;
}

}  // namespace weir
