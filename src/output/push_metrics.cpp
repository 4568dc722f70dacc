#include "output/push_metrics.h"

#include <string>

namespace weir {
namespace {

std::string code_text(int code) {
  if (code == 0) return "none";
  if (code == PushReadings::kOtherCodes) return "other";
  return std::to_string(code);
}

}  // namespace

void add_push_metrics(MetricPage& page, const PushReadings& readings) {
  page.family("weir_push_requests_total", "counter",
              "Requests sent, by the status of the answer; none: there was no answer.");
  for (const auto& [code, count] : readings.requests) {
    page.sample(label("code", code_text(code)), count);
  }
  page.single("weir_push_samples_sent_total", "counter", "Samples that the server took.",
              readings.ledger.get(Count::kPushDelivered));
  page.family("weir_push_samples_dropped_total", "counter", "Samples that will not be sent.");
  for (const Count count :
       {Count::kPushLostOverflow, Count::kPushLostRejected, Count::kPushLostClosed}) {
    page.sample(label("reason", ledger_entry(count).reason), readings.ledger.get(count));
  }
  page.single("weir_push_samples_retried_total", "counter",
              "Samples that were put back to be sent again, each time.", readings.retried_samples);
  page.single("weir_push_bytes_sent_total", "counter",
              "Compressed bytes of the requests that the server took.", readings.sent_bytes);
  page.single("weir_push_samples_pending", "gauge", "Samples that wait or are under way.",
              readings.ledger.still_pending(Stage::kPush));
  page.single("weir_push_queue_requests", "gauge", "Requests that wait or are under way.",
              readings.queue_requests);
  page.single("weir_push_queue_bytes", "gauge", "Memory of them.", readings.queue_bytes);
  page.single("weir_push_queue_limit_bytes", "gauge", "Beyond which the oldest goes.",
              readings.queue_limit_bytes);
  page.single("weir_push_last_success_timestamp_seconds", "gauge",
              "When the server last took a request, since the epoch; 0: not yet.",
              fmt::format("{}.{:03}", readings.last_success / kSecond,
                          readings.last_success % kSecond / kMillisecond));
}

}  // namespace weir
