#include "agent/requests_worker.h"

#include <utility>

namespace weir {

RequestsWorker::RequestsWorker(Parts parts, CountLimit::Shared& limit)
    : top_(parts.top ? std::make_unique<Top>() : nullptr), writer_(std::move(parts.writer)) {
  std::vector<RecordSink*> sinks{&metrics_};
  if (top_) sinks.push_back(top_.get());
  if (writer_) sinks.push_back(writer_.get());
  RecordSink* next = &metrics_;
  if (sinks.size() > 1) {
    outputs_ = std::make_unique<FanOut>(std::move(sinks));
    next = outputs_.get();
  }
  if (limit.limit > 0) {
    limit_ = std::make_unique<CountLimit>(limit, *next);
    next = limit_.get();
  }
  where_ = std::make_unique<WhereFilter>(std::move(parts.where), *next, counters_.ledger);
  lens_ = std::make_unique<RequestsLens>(std::move(parts.lens), counters_, *where_);
}

}  // namespace weir
