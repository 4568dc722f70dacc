#include "metrics/requests_totals.h"

#include <algorithm>

namespace weir {
namespace {

void add(ProtocolTotals& totals, const ProtocolCounters& counters) {
  totals.records += counters.records.get();
  totals.errors += counters.errors.get();
  totals.unanswered += counters.unanswered.get();
  totals.one_way += counters.one_way.get();
  totals.without_request += counters.without_request.get();
  totals.request_bytes += counters.request_bytes.get();
  totals.response_bytes += counters.response_bytes.get();
  totals.answered.add(counters.answered);
}

ProtocolTotals difference(const ProtocolTotals& later, const ProtocolTotals& earlier) {
  ProtocolTotals result;
  result.name = later.name;
  result.records = later.records - earlier.records;
  result.errors = later.errors - earlier.errors;
  result.unanswered = later.unanswered - earlier.unanswered;
  result.one_way = later.one_way - earlier.one_way;
  result.without_request = later.without_request - earlier.without_request;
  result.request_bytes = later.request_bytes - earlier.request_bytes;
  result.response_bytes = later.response_bytes - earlier.response_bytes;
  result.answered = later.answered.since(earlier.answered);
  return result;
}

}  // namespace

LedgerTotals RequestsReadings::ledger() const {
  LedgerTotals totals;
  for (const RequestsCounters* worker : workers) totals.add(*worker);
  if (add_queue) add_queue(totals);
  return totals;
}

RequestsTotals RequestsTotals::read(const std::vector<const RequestsMetrics*>& shards) {
  RequestsTotals totals;
  for (const RequestsMetrics* shard : shards) {
    for (std::size_t i = 0; i < shard->protocol_count(); ++i) {
      const ProtocolCounters& counters = shard->protocol(i);
      auto place = std::lower_bound(
          totals.protocols.begin(), totals.protocols.end(), counters.name,
          [](const auto& entry, std::string_view name) { return entry.name < name; });
      if (place == totals.protocols.end() || place->name != counters.name) {
        place = totals.protocols.emplace(place);
        place->name = counters.name;
      }
      add(*place, counters);
    }
  }
  return totals;
}

RequestsTotals RequestsTotals::since(const RequestsTotals& earlier) const {
  RequestsTotals result;
  for (const ProtocolTotals& later : protocols) {
    const auto before =
        std::find_if(earlier.protocols.begin(), earlier.protocols.end(),
                     [&](const ProtocolTotals& entry) { return entry.name == later.name; });
    result.protocols.push_back(before == earlier.protocols.end() ? later
                                                                 : difference(later, *before));
  }
  return result;
}

}  // namespace weir
