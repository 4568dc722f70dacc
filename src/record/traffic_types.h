// TrafficTypes: a set of traffic types, as -f names it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "record/flow_sample.h"

namespace weir {

class TrafficTypes {
 public:
  // All of them.
  TrafficTypes() = default;
  // all, roce (of any kind, with InfiniBand), roce_v1 (with InfiniBand), roce_v2, tcp, udp (RoCE v2
  // is none) or ib. Nothing for any other word.
  static std::optional<TrafficTypes> parse(std::string_view word);

  bool has(TrafficType type) const { return (bits_ & bit(type)) != 0; }
  // 1 << type for each that is in it.
  std::uint32_t bits() const { return bits_; }

  bool operator==(const TrafficTypes&) const = default;

 private:
  explicit TrafficTypes(std::uint32_t bits) : bits_(bits) {}
  static constexpr std::uint32_t bit(TrafficType type) {
    return std::uint32_t{1} << static_cast<std::uint32_t>(type);
  }

  std::uint32_t bits_ = 2 * bit(TrafficType::kInfiniband) - 1;
};

}  // namespace weir
