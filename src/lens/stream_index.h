// StreamIndex: the open exchanges of one connection by stream id, oldest first. For connections
// with many of them; a few are found sooner by walking the list.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>

#include "lens/exchange.h"

namespace weir {

class StreamIndex {
 public:
  void add(Exchange& exchange) {
    exchange.same_next = nullptr;
    Chain& chain = chains_[exchange.stream_id];
    (chain.newest ? chain.newest->same_next : chain.oldest) = &exchange;
    chain.newest = &exchange;
  }
  void remove(Exchange& exchange) {
    const auto found = chains_.find(exchange.stream_id);
    if (found == chains_.end()) return;
    Chain& chain = found->second;
    Exchange* before = nullptr;
    Exchange* e = chain.oldest;
    while (e && e != &exchange) {
      before = e;
      e = e->same_next;
    }
    if (!e) return;
    (before ? before->same_next : chain.oldest) = e->same_next;
    if (chain.newest == e) chain.newest = before;
    if (!chain.oldest) chains_.erase(found);
  }
  Exchange* oldest(std::uint64_t stream_id) const {
    const auto found = chains_.find(stream_id);
    return found == chains_.end() ? nullptr : found->second.oldest;
  }

 private:
  struct Chain {
    Exchange* oldest = nullptr;
    Exchange* newest = nullptr;
  };
  absl::flat_hash_map<std::uint64_t, Chain> chains_;
};

}  // namespace weir
