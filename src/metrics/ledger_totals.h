// LedgerTotals: the ledgers of all workers and queues added up, with what is still on its way.
#pragma once

#include <array>
#include <cstdint>

#include "base/ledger.h"
#include "lens/requests_counters.h"

namespace weir {

// Those of the requests lens.
inline constexpr std::array kStages{Stage::kCapture, Stage::kStream, Stage::kMatch, Stage::kQueue};

struct LedgerTotals {
  std::array<std::uint64_t, static_cast<std::size_t>(Count::kCountEnd)> counts{};
  std::array<std::uint64_t, static_cast<std::size_t>(Stage::kStageEnd)> pending{};

  void add(const Ledger& ledger);
  void add(const LedgerTotals& other);
  void add(const RequestsCounters& worker);
  void add_pending(Stage stage, std::uint64_t amount);

  std::uint64_t get(Count count) const { return counts[static_cast<std::size_t>(count)]; }
  std::uint64_t still_pending(Stage stage) const {
    return pending[static_cast<std::size_t>(stage)];
  }
  std::uint64_t sum(Stage stage, Outcome outcome) const;
  // seen - delivered - filtered - lost - pending: 0 where nothing moves and all is accounted for.
  std::int64_t unaccounted(Stage stage) const;
};

}  // namespace weir
