// PauseName: what a driver's own statistic counts, when it is one about pause frames (IEEE 802.3
// annex 31B) or priority flow control (802.1Qbb). Each driver has names of its own for the same.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

enum class PauseKind : std::uint8_t {
  kFrames,  // pause frames, all of them
  kXon,
  kXoff,         // where the driver tells those that release from those that hold
  kMicroseconds  // for how long transmission was, or was asked to be, held
};

struct PauseName {
  static constexpr std::uint8_t kPlain = 8;  // a pause of the whole link
  static constexpr std::uint8_t kAll = 9;    // priority flow control, of whatever priority

  bool egress;
  std::uint8_t priority;  // 0 to 7, kPlain, kAll
  PauseKind kind;

  auto operator<=>(const PauseName&) const = default;
};

// Nothing for a statistic that is about something else, or that no driver known here has.
std::optional<PauseName> parse_pause_name(std::string_view name);

}  // namespace weir
