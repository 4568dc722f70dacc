// EthtoolStatistics: the statistics that a driver keeps under names of its own (`ethtool -S`).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace weir {

// Keeps its buffers; for one thread. Needs no privilege.
class EthtoolStatistics {
 public:
  // Drivers of large network cards have some ten thousand (a few for each queue); one with more
  // than this is not read.
  static constexpr std::size_t kMost = 32 * 1024;

  static Result<EthtoolStatistics> open();

  // Asks the driver; how many there are, none where it keeps none. A driver may ask its hardware
  // for them, which takes some milliseconds.
  std::size_t read(const std::string& interface);

  // Of the last read, below what it said.
  std::string_view name(std::size_t position) const;
  std::uint64_t value(std::size_t position) const;

 private:
  explicit EthtoolStatistics(Fd socket);

  Fd socket_;
  std::unique_ptr<std::uint8_t[]> names_, values_;  // with the request's header before
};

}  // namespace weir
