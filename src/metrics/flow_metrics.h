// The metrics of the flows lens (docs/metrics.md): by interface, direction and traffic type, never
// by flow.
#pragma once

#include "lens/flow_totals.h"
#include "metrics/ledger_totals.h"
#include "metrics/metric_page.h"

namespace weir {

// `unattached`: interfaces that were asked for and are not counted.
void add_flow_metrics(MetricPage& page, const FlowTotals& totals, std::size_t unattached);

// The stage kFlows.
void add_flow_ledger(LedgerTotals& ledger, const FlowTotals& totals);

}  // namespace weir
