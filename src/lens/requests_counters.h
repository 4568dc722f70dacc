// What one worker of the requests lens counts. The worker writes, anyone reads; readers add the
// workers up.
#pragma once

#include <array>

#include "base/counter.h"
#include "base/ledger.h"
#include "stream/tcp_health.h"

namespace weir {

struct RequestsCounters {
  static constexpr std::size_t kMaxProtocols = 32;

  Ledger ledger;
  TcpHealth tcp;
  std::array<Counter, kMaxProtocols> decode_errors;  // by position in protocols()
  // Still on their way, for weir_ledger_pending{stage}:
  Counter pending_capture;  // packets held as IP fragments
  Counter pending_stream;   // bytes held: behind a hole, or an unfinished head
  Counter pending_match;    // messages waiting for their answer or their end
  // Sizes right now:
  Counter open_connections;
  Counter open_udp_flows;
  // Live only:
  Counter ring_bytes;         // of the capture ring; 0 when a file is read
  Counter lag_ns;             // packet clock to wall clock after the last packets; 0 at rest
  Counter shortened_packets;  // that the kernel copied without what nobody needs,
  Counter spared_bytes;       // and how much that was; of all workers together, in the first
};

}  // namespace weir
