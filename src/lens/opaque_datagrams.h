// OpaqueDatagrams: UDP flows in which nothing is recognised are, after a while, kept back by the
// kernel for some time, and then looked at again. Only made use of where there are CopyVerdicts.
#pragma once

#include <array>
#include <cstdint>

#include "packet/copy_verdicts.h"
#include "packet/packet.h"

namespace weir {

class OpaqueDatagrams {
 public:
  static constexpr std::uint8_t kEnough = 16;          // unknown datagrams of a direction in a row
  static constexpr Nanos kKeptBack = 10 * kSecond;     // at a time
  static constexpr std::size_t kDirections = 1 << 12;  // followed at a time; the newer one stays

  void on_unknown(CopyVerdicts& verdicts, const Packet& packet) noexcept;
  // The first one of a flow that was recognised: its earlier ones do not count.
  void on_known(CopyVerdicts& verdicts, const Packet& packet) noexcept;
  // Lets go of those whose time is over.
  void on_time(CopyVerdicts& verdicts, Nanos now) noexcept;

 private:
  struct Direction {
    CopyVerdicts::Name name = 0;
    Nanos since = 0;  // the first unknown one
    Nanos until = 0;  // kept back; 0 = it is not
    std::uint8_t unknown = 0;
  };

  // Not by the bits that choose a verdict's slot.
  Direction& place_of(CopyVerdicts::Name name) { return directions_[(name >> 32) % kDirections]; }
  void release(CopyVerdicts& verdicts, Direction& direction) noexcept;

  std::array<Direction, kDirections> directions_{};
  Nanos next_look_ = 0;
  std::size_t kept_back_ = 0;
};

}  // namespace weir
