// Ledger: what became of everything that entered a stage. Per stage, in the stage's own unit,
//   seen = delivered + filtered + lost + pending
// Single writer (the owning worker), any reader: relaxed atomics without read-modify-write.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

enum class Stage : std::uint8_t {
  kCapture,
  kStream,
  kMatch,
  kFlows,
  kConnections,
  kDrops,
  kQueue,
  kPush,
  kStageEnd
};
enum class Outcome : std::uint8_t { kSeen, kDelivered, kFiltered, kLost };

// One entry per (stage, outcome, reason); the table in ledger.cpp names them.
enum class Count : std::uint8_t {
  // capture, packets
  kCaptureSeen,
  kCaptureDelivered,           // handed to the stream stage, or a TCP segment without payload
  kCaptureFilteredDuplicate,   // another sighting of a packet (veth, bridge, uplink; loopback)
  kCaptureFilteredExpression,  // -f
  kCaptureFilteredOpaque,      // of flows that no decoder knows, kept back by the kernel
  kCaptureFilteredForeign,     // neither TCP nor UDP (ARP, ICMP, ...)
  kCaptureLostKernel,          // ring full: the kernel's own drop counter
  kCaptureLostLinkType,        // a link layer that weir cannot read
  kCaptureLostMalformed,       // headers cut off or contradictory
  kCaptureLostFragment,        // IP fragments whose datagram never became whole
  kCaptureLostEvicted,         // a bound of the fragment table
  // stream, bytes
  kStreamSeen,
  kStreamDelivered,              // to a decoder, skipped bodies included
  kStreamFilteredRetransmitted,  // TCP bytes seen before
  kStreamFilteredOpaque,         // of connections that no decoder knows
  kStreamLostGap,                // never captured
  kStreamLostTruncated,          // cut off by the snap length
  kStreamLostDecode,   // bytes that a decoder refused, and those passed over to find the next frame
  kStreamLostEvicted,  // buffered when their connection or their room was taken away
  kStreamLostOutOfWindow,  // TCP segments far outside the window, or after the FIN
  kStreamLostCut,          // of a message unfinished at the end
  // match, messages
  kMatchSeen,
  kMatchDelivered,      // became part of a record
  kMatchFilteredLate,   // answers whose request had been reported as unanswered
  kMatchFilteredWhere,  // of a record that --where left out
  kMatchLostEvicted,    // a bound of the pending table
  kMatchLostGap,        // incomplete by a gap, and without a counterpart
  kMatchLostCut,        // cut off by the end of the input
  // flows, frames
  kFlowsSeen,
  kFlowsDelivered,     // in a flow
  kFlowsFilteredType,  // not asked for
  kFlowsLostBurst,     // of new flows, while too many others left the kernel's table at once
  kFlowsLostMaxFlows,  // of new flows beyond the most that are kept
  // connections, events
  kConnectionsSeen,
  kConnectionsDelivered,
  kConnectionsLostBurst,  // the kernel's ring had no room
  // drops, packets
  kDropsSeen,
  kDropsDelivered,      // told, with their flow or by reason and place alone
  kDropsFilteredNoise,  // of reasons that mean no loss
  kDropsFilteredLocal,  // of Unix and netlink sockets: no packets of a network
  kDropsLostFull,       // no room in any table
  kDropsLostRecursion,  // in an interrupt of the program itself
  // queue of the terminal or file output, records
  kQueueSeen,
  kQueueDelivered,
  kQueueLostOverflow,
  kQueueLostClosed,  // the output was closed or failed
  // push, samples
  kPushSeen,
  kPushDelivered,     // the server said that it took them
  kPushLostOverflow,  // the oldest, when the queue had no room
  kPushLostRejected,  // the server refused them
  kPushLostClosed,    // still waiting at the end
  kCountEnd
};

// How one count is labelled in weir_ledger_total.
struct LedgerEntry {
  Stage stage;
  Outcome outcome;
  std::string_view reason;  // empty where an outcome has one reason only
};

const LedgerEntry& ledger_entry(Count count);
std::string_view stage_name(Stage stage);
std::string_view outcome_name(Outcome outcome);

class Ledger {
 public:
  void add(Count count, std::uint64_t amount = 1) {
    auto& cell = cells_[static_cast<std::size_t>(count)];
    cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  // For counters that someone else keeps (the kernel's drops).
  void set(Count count, std::uint64_t value) {
    cells_[static_cast<std::size_t>(count)].store(value, std::memory_order_relaxed);
  }
  std::uint64_t get(Count count) const {
    return cells_[static_cast<std::size_t>(count)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Count::kCountEnd)> cells_{};
};

}  // namespace weir
