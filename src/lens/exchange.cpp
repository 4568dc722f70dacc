#include "lens/exchange.h"

namespace weir {
namespace {

constexpr std::size_t kMaxFree = 4096;
constexpr std::size_t kMaxKeptBytes = 2048;  // of field storage in a free exchange

}  // namespace

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
  Exchange fresh;
  fresh.request_fields = std::move(exchange->request_fields);
  fresh.response_fields = std::move(exchange->response_fields);
  fresh.request_fields.clear();
  fresh.response_fields.clear();
  if (fresh.request_fields.capacity_bytes() > kMaxKeptBytes) fresh.request_fields = FieldList();
  if (fresh.response_fields.capacity_bytes() > kMaxKeptBytes) fresh.response_fields = FieldList();
  *exchange = std::move(fresh);
  free_.push_back(std::move(exchange));
}

}  // namespace weir
