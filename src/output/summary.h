// The numbers for people: what --summary prints at the end and --stats every interval.
#pragma once

#include <string>

#include "metrics/requests_totals.h"
#include "output/top.h"

namespace weir {

// One line per protocol, its name and its count of records first, then one line per stage of the
// ledger. `at_rest`: nothing moves any more, so a ledger that does not balance is shown as such.
std::string render_summary(const RequestsTotals& totals, const LedgerTotals& ledger, bool at_rest);

// The top requests of an interval by total time, count and errors; empty when there were none.
std::string render_top(const TopTable& top, std::size_t limit = 5);

}  // namespace weir
