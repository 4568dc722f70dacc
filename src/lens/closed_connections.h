// ClosedConnections: where the sequence numbers of connections stood that have just ended, so that
// a late copy of their last segments is not taken for a new connection. Fixed size, may forget.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"
#include "packet/packet.h"
#include "record/flow_key.h"
#include "stream/tcp_stream.h"

namespace weir {

class ClosedConnections {
 public:
  void add(const FlowKey& key, const TcpStream& stream, Nanos now) {
    Entry& entry = entries_[slot(key)];
    entry = {key.hash(), now, {stream.next_sequence(Side::kA), stream.next_sequence(Side::kB)}};
  }
  // The segment repeats bytes of a connection that has ended.
  bool repeats(const FlowKey& key, Side from, const Packet& packet) const {
    const Entry& entry = entries_[slot(key)];
    if (entry.hash != key.hash() || packet.time - entry.time > kRemembered) return false;
    const std::uint32_t end = packet.tcp.sequence + packet.payload_bytes;
    const auto ahead = static_cast<std::int32_t>(end - entry.next[index(from)]);
    return ahead <= 0 && ahead > -kWindow;
  }

 private:
  static constexpr Nanos kRemembered = 3 * kSecond;
  static constexpr std::int32_t kWindow = 1 << 24;
  static constexpr std::size_t kEntries = 16384;

  struct Entry {
    std::uint64_t hash = 0;
    Nanos time = 0;
    std::uint32_t next[2] = {0, 0};
  };
  static std::size_t slot(const FlowKey& key) { return key.hash() % kEntries; }

  std::array<Entry, kEntries> entries_{};
};

}  // namespace weir
