// CountedDrops: what the counters of this network namespace (DropCounters) have gained in an
// interval. For one thread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "kernel/drop_counters.h"

namespace weir {

class CountedDrops {
 public:
  // What they show now is the past.
  static Result<CountedDrops> open();

  using Gain =
      std::function<void(std::string_view name, std::string_view interface, std::uint64_t gained)>;
  // Since the last call. A counter that appears later, or has gone back, began at 0.
  Result<> tick(const Gain& visit);

 private:
  explicit CountedDrops(DropCounters counters) : counters_(std::move(counters)) {}

  struct Known {
    std::uint64_t value = 0;
    std::uint32_t tick = 0;
  };

  DropCounters counters_;
  absl::flat_hash_map<std::pair<std::string, std::string>, Known> known_;  // by name, interface
  std::uint32_t ticks_ = 0;
};

}  // namespace weir
