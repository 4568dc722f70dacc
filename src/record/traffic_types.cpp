#include "record/traffic_types.h"

namespace weir {

std::optional<std::vector<TrafficType>> parse_traffic_types(std::string_view word) {
  using enum TrafficType;
  using Types = std::vector<TrafficType>;
  if (word == "all") return Types{};
  if (word == "roce") return Types{kRoceV2, kRoceV1, kInfiniband};
  if (word == "roce_v1") return Types{kRoceV1, kInfiniband};
  if (word == "roce_v2") return Types{kRoceV2};
  if (word == "tcp") return Types{kTcp};
  if (word == "udp") return Types{kUdp};
  if (word == "ib") return Types{kInfiniband};
  return std::nullopt;
}

}  // namespace weir
