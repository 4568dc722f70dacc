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
  static constexpr std::uint8_t kEnough = 16;          // unknown datagrams of a direction
  static constexpr Nanos kKeptBack = 10 * kSecond;     // at a time
  static constexpr std::size_t kDirections = 1 << 12;  // followed at a time; the newer one stays

  void on_unknown(CopyVerdicts& verdicts, const Packet& packet) noexcept;
  // Lets go of those whose time is over.
  void on_time(CopyVerdicts& verdicts, Nanos now) noexcept;

 private:
  struct Direction {
    CopyVerdicts::Name name = 0;
    Nanos until = 0;  // kept back; 0 = it is not
    std::uint8_t unknown = 0;
  };

  void release(CopyVerdicts& verdicts, Direction& direction) noexcept;

  std::array<Direction, kDirections> directions_{};
  Nanos next_look_ = 0;
  std::size_t kept_back_ = 0;
};

}  // namespace weir
