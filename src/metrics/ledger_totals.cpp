#include "metrics/ledger_totals.h"

namespace weir {

void LedgerTotals::add(const Ledger& ledger) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += ledger.get(static_cast<Count>(i));
}

void LedgerTotals::add(const LedgerTotals& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  for (std::size_t i = 0; i < pending.size(); ++i) pending[i] += other.pending[i];
}

void LedgerTotals::add(const RequestsCounters& worker) {
  add(worker.ledger);
  add_pending(Stage::kCapture, worker.pending_capture.get());
  add_pending(Stage::kStream, worker.pending_stream.get());
  add_pending(Stage::kMatch, worker.pending_match.get());
}

void LedgerTotals::add_pending(Stage stage, std::uint64_t amount) {
  pending[static_cast<std::size_t>(stage)] += amount;
}

std::uint64_t LedgerTotals::sum(Stage stage, Outcome outcome) const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const LedgerEntry& entry = ledger_entry(static_cast<Count>(i));
    if (entry.stage == stage && entry.outcome == outcome) total += counts[i];
  }
  return total;
}

std::int64_t LedgerTotals::unaccounted(Stage stage) const {
  return static_cast<std::int64_t>(sum(stage, Outcome::kSeen) - sum(stage, Outcome::kDelivered) -
                                   sum(stage, Outcome::kFiltered) - sum(stage, Outcome::kLost) -
                                   still_pending(stage));
}

}  // namespace weir
