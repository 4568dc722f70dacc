#include "record/traffic_types.h"

namespace weir {

std::optional<TrafficTypes> TrafficTypes::parse(std::string_view word) {
  constexpr std::uint32_t kInfiniband = bit(TrafficType::kInfiniband);
  constexpr std::uint32_t kRoceV1 = bit(TrafficType::kRoceV1) | kInfiniband;
  constexpr std::uint32_t kRoceV2 = bit(TrafficType::kRoceV2);
  if (word == "all") return TrafficTypes();
  if (word == "roce") return TrafficTypes(kRoceV1 | kRoceV2);
  if (word == "roce_v1") return TrafficTypes(kRoceV1);
  if (word == "roce_v2") return TrafficTypes(kRoceV2);
  if (word == "tcp") return TrafficTypes(bit(TrafficType::kTcp));
  if (word == "udp") return TrafficTypes(bit(TrafficType::kUdp));
  if (word == "ib") return TrafficTypes(kInfiniband);
  return std::nullopt;
}

}  // namespace weir
