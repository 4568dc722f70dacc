// The drops lens as metrics, as docs/metrics.md describes them.
#pragma once

#include "lens/drop_totals.h"
#include "metrics/ledger_totals.h"
#include "metrics/metric_page.h"

namespace weir {

void add_drop_metrics(MetricPage& page, const DropTotals& totals);
void add_drop_ledger(LedgerTotals& ledger, const DropTotals& totals);

}  // namespace weir
