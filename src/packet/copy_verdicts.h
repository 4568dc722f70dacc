// CopyVerdicts: one worker's way to tell the kernel what of its flows need not be copied, per
// direction; and its memory of servers about which a guess was wrong. Telling costs a few stores.
// The kernel may forget a verdict at any time (another flow takes its place; the direction opens a
// new connection) and then copies everything. One thread; the slots outlive it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "abi/copy_verdict.h"
#include "base/time.h"
#include "record/address.h"

namespace weir {

class CopyVerdicts {
 public:
  // One direction of a flow, by what the kernel finds it by.
  using Name = std::uint64_t;

  struct Verdict {
    // Segments that lie wholly in the `skip_bytes` sequence numbers before `skip_end`: headers
    // only.
    std::uint32_t skip_end = 0, skip_bytes = 0;
    // Of every payload this many bytes at most; 0 = all.
    std::uint32_t limit = 0;
    // Nothing at all but what begins and ends a TCP connection.
    bool opaque = false;
    // The direction's initial sequence number, where its SYN was seen.
    std::uint32_t birth = 0;
  };

  // `slots` and `seed` are the capture program's. `tunnels`: packets are followed into tunnels of
  // which the kernel does not know all, so that a datagram's flow may hide others.
  CopyVerdicts(std::span<copy_verdict> slots, std::uint64_t seed, bool tunnels);

  Name name(const Endpoint& from, const Endpoint& to, Transport transport) const noexcept;
  void tell(Name name, const Verdict& verdict) noexcept;
  void forget(Name name) noexcept;
  bool may_tell_of_datagrams() const { return !tunnels_; }

  // A server of which more was needed than had been guessed is remembered for kSpared.
  void spare(const Endpoint& server, Nanos now) noexcept;
  bool spared(const Endpoint& server, Nanos now) const noexcept;
  // Changes with every spare(): whoever relies on a guess asks again.
  std::uint32_t spared_count() const { return spared_count_; }

  static constexpr Nanos kSpared = 600 * kSecond;

 private:
  struct Server {
    Endpoint endpoint;
    Nanos until = 0;
  };
  static constexpr std::size_t kServers = 1024;  // by hash; the newer one has the place

  std::size_t place_of(const Endpoint& server) const noexcept;

  std::span<copy_verdict> slots_;
  std::uint64_t seed_;
  bool tunnels_;
  std::uint32_t spared_count_ = 0;
  std::array<Server, kServers> servers_{};
};

}  // namespace weir
