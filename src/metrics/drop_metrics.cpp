#include "metrics/drop_metrics.h"

#include <algorithm>

#include "metrics/series_table.h"

namespace weir {

void add_drop_metrics(MetricPage& page, const DropTotals& totals) {
  if (!totals.series.empty()) {
    page.family("weir_drops_total", "counter", "Packets that were dropped, by reason and place.");
  }
  for (const DropTotal& total : totals.series) {
    page.sample(label("source", drop_source_name(total.source)) + ',' +
                    label("reason", total.reason) + ',' + label("function", total.function) + ',' +
                    label("interface", total.interface),
                total.packets);
  }
  if (totals.beyond > 0) page.sample(SeriesTable::kOverflowLabels, totals.beyond);
  page.single("weir_drops_without_flow_total", "counter",
              "Of them, packets whose flow could not be kept in its interval.", totals.folded);
}

void add_drop_ledger(LedgerTotals& ledger, const DropTotals& totals) {
  const auto add = [&](Count count, std::uint64_t amount) {
    ledger.counts[static_cast<std::size_t>(count)] += amount;
  };
  add(Count::kDropsSeen, totals.seen);
  add(Count::kDropsDelivered, totals.kept);
  add(Count::kDropsFilteredNoise, totals.noise);
  add(Count::kDropsFilteredLocal, totals.local);
  add(Count::kDropsLostFull, totals.lost);
  add(Count::kDropsLostRecursion, totals.missed);
  const std::uint64_t told =
      totals.kept + totals.noise + totals.local + totals.lost + totals.missed;
  ledger.add_pending(Stage::kDrops, totals.seen - std::min(totals.seen, told));
}

}  // namespace weir
