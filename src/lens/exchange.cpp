#include "lens/exchange.h"

namespace weir {
namespace {

constexpr std::size_t kMaxFree = 4096;
constexpr std::size_t kMaxKeptBytes = 2048;  // of field storage in a free exchange

}  // namespace

void Exchange::clear() {
  for (FieldList* values : {&request_values, &response_values}) {
    values->clear();
    if (values->capacity_bytes() > kMaxKeptBytes) *values = FieldList();
  }
  completed = 0;
  status = Status::kOk;
  quality = Quality::kComplete;
  request.reset();
  response.reset();
  request_done = response_done = request_damaged = response_damaged = false;
  reported = doubtful = answer_lost = orphan = from_server = held = false;
  request_begin = response_begin = acked = 0;
  next = previous = same_next = nullptr;
}

Exchange* ExchangePool::take() {
  if (in_use_ >= limit_) return nullptr;
  ++in_use_;
  std::unique_ptr<Exchange> exchange;
  if (free_.empty()) {
    exchange = std::make_unique<Exchange>();
  } else {
    exchange = std::move(free_.back());
    free_.pop_back();
  }
  exchange->sequence = ++sequence_;
  return exchange.release();
}

void ExchangePool::give(Exchange* given) {
  --in_use_;
  std::unique_ptr<Exchange> exchange(given);
  if (free_.size() >= kMaxFree) return;
  exchange->clear();
  free_.push_back(std::move(exchange));
}

}  // namespace weir
