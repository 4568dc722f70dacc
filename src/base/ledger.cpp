#include "base/ledger.h"

namespace weir {
namespace {

constexpr std::array<LedgerEntry, static_cast<std::size_t>(Count::kCountEnd)> kEntries{{
    {Stage::kCapture, Outcome::kSeen, ""},
    {Stage::kCapture, Outcome::kDelivered, ""},
    {Stage::kCapture, Outcome::kFiltered, "duplicate"},
    {Stage::kCapture, Outcome::kFiltered, "expression"},
    {Stage::kCapture, Outcome::kFiltered, "opaque"},
    {Stage::kCapture, Outcome::kFiltered, "foreign"},
    {Stage::kCapture, Outcome::kLost, "kernel"},
    {Stage::kCapture, Outcome::kLost, "link_type"},
    {Stage::kCapture, Outcome::kLost, "malformed"},
    {Stage::kCapture, Outcome::kLost, "fragment"},
    {Stage::kCapture, Outcome::kLost, "evicted"},
    {Stage::kStream, Outcome::kSeen, ""},
    {Stage::kStream, Outcome::kDelivered, ""},
    {Stage::kStream, Outcome::kFiltered, "retransmitted"},
    {Stage::kStream, Outcome::kFiltered, "opaque"},
    {Stage::kStream, Outcome::kLost, "gap"},
    {Stage::kStream, Outcome::kLost, "truncated"},
    {Stage::kStream, Outcome::kLost, "decode"},
    {Stage::kStream, Outcome::kLost, "evicted"},
    {Stage::kStream, Outcome::kLost, "out_of_window"},
    {Stage::kStream, Outcome::kLost, "cut"},
    {Stage::kMatch, Outcome::kSeen, ""},
    {Stage::kMatch, Outcome::kDelivered, ""},
    {Stage::kMatch, Outcome::kFiltered, "late"},
    {Stage::kMatch, Outcome::kFiltered, "where"},
    {Stage::kMatch, Outcome::kLost, "evicted"},
    {Stage::kMatch, Outcome::kLost, "gap"},
    {Stage::kMatch, Outcome::kLost, "cut"},
    {Stage::kFlows, Outcome::kSeen, ""},
    {Stage::kFlows, Outcome::kDelivered, ""},
    {Stage::kFlows, Outcome::kFiltered, ""},
    {Stage::kFlows, Outcome::kLost, "burst"},
    {Stage::kFlows, Outcome::kLost, "max_flows"},
    {Stage::kConnections, Outcome::kSeen, ""},
    {Stage::kConnections, Outcome::kDelivered, ""},
    {Stage::kConnections, Outcome::kLost, "burst"},
    {Stage::kDrops, Outcome::kSeen, ""},
    {Stage::kDrops, Outcome::kDelivered, ""},
    {Stage::kDrops, Outcome::kFiltered, "noise"},
    {Stage::kDrops, Outcome::kFiltered, "local"},
    {Stage::kDrops, Outcome::kLost, "full"},
    {Stage::kDrops, Outcome::kLost, "recursion"},
    {Stage::kQueue, Outcome::kSeen, ""},
    {Stage::kQueue, Outcome::kDelivered, ""},
    {Stage::kQueue, Outcome::kLost, "overflow"},
    {Stage::kQueue, Outcome::kLost, "closed"},
    {Stage::kPush, Outcome::kSeen, ""},
    {Stage::kPush, Outcome::kDelivered, ""},
    {Stage::kPush, Outcome::kLost, "overflow"},
    {Stage::kPush, Outcome::kLost, "rejected"},
    {Stage::kPush, Outcome::kLost, "closed"},
}};

}  // namespace

const LedgerEntry& ledger_entry(Count count) { return kEntries[static_cast<std::size_t>(count)]; }

std::string_view stage_name(Stage stage) {
  switch (stage) {
    case Stage::kCapture:
      return "capture";
    case Stage::kStream:
      return "stream";
    case Stage::kMatch:
      return "match";
    case Stage::kFlows:
      return "flows";
    case Stage::kConnections:
      return "connections";
    case Stage::kDrops:
      return "drops";
    case Stage::kQueue:
      return "queue_stdout";
    case Stage::kPush:
      return "push";
    case Stage::kStageEnd:
      break;
  }
  return "";
}

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSeen:
      return "seen";
    case Outcome::kDelivered:
      return "delivered";
    case Outcome::kFiltered:
      return "filtered";
    case Outcome::kLost:
      return "lost";
  }
  return "";
}

}  // namespace weir
