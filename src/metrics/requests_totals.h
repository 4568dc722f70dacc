// RequestsReadings: where the numbers of the requests lens are read from. RequestsTotals: one
// reading of them per protocol, which can be subtracted from a later one.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "lens/requests_counters.h"
#include "metrics/histogram.h"
#include "metrics/ledger_totals.h"
#include "metrics/requests_metrics.h"

namespace weir {

struct RequestsReadings {
  std::vector<const RequestsMetrics*> shards;
  std::vector<const RequestsCounters*> workers;
  std::vector<std::string_view> protocols;       // names in the order of RequestsCounters
  std::function<void(LedgerTotals&)> add_queue;  // may be empty

  LedgerTotals ledger() const;
};

struct ProtocolTotals {
  std::string_view name;
  std::uint64_t records = 0;
  std::uint64_t errors = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t one_way = 0;
  std::uint64_t without_request = 0;
  std::uint64_t request_bytes = 0, response_bytes = 0;
  Distribution answered;
};

struct RequestsTotals {
  std::vector<ProtocolTotals> protocols;  // by name

  static RequestsTotals read(const std::vector<const RequestsMetrics*>& shards);
  RequestsTotals since(const RequestsTotals& earlier) const;
};

}  // namespace weir
