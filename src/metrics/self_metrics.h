// The metrics that every page of weir's has: what became of what it saw, and what it costs itself.
#pragma once

#include <span>
#include <string_view>

#include "metrics/ledger_totals.h"
#include "metrics/metric_page.h"

namespace weir {

// Of these stages, in the order of the ledger.
void add_ledger(MetricPage& page, const LedgerTotals& totals, std::span<const Stage> stages);
void add_lens_up(MetricPage& page, std::string_view lens, bool up);
// The build and the process.
void add_self_metrics(MetricPage& page, std::string_view version);

}  // namespace weir
