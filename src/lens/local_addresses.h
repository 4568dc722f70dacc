// LocalAddresses: the addresses of this host. One thread replaces them, any thread asks.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "record/address.h"

namespace weir {

class LocalAddresses {
 public:
  bool contains(const IpAddress& address) const {
    const Set* set = current_.load(std::memory_order_acquire);
    return set && std::binary_search(set->begin(), set->end(), address);
  }
  // Readers may still hold the old set, so it is kept; only a changed set costs memory.
  void replace(std::vector<IpAddress> addresses) {
    std::sort(addresses.begin(), addresses.end());
    if (!kept_.empty() && *kept_.back() == addresses) return;
    kept_.push_back(std::make_unique<const Set>(std::move(addresses)));
    current_.store(kept_.back().get(), std::memory_order_release);
  }

 private:
  using Set = std::vector<IpAddress>;

  std::atomic<const Set*> current_{nullptr};
  std::vector<std::unique_ptr<const Set>> kept_;
};

}  // namespace weir
