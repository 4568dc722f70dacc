#include "record/flow_sample.h"

namespace weir {

std::string_view direction_name(TrafficDirection direction) {
  return direction == TrafficDirection::kIngress ? "ingress" : "egress";
}

std::string_view traffic_type_name(TrafficType type) {
  switch (type) {
    case TrafficType::kTcp:
      return "tcp";
    case TrafficType::kUdp:
      return "udp";
    case TrafficType::kRoceV2:
      return "roce_v2";
    case TrafficType::kRoceV1:
      return "roce_v1";
    case TrafficType::kInfiniband:
      return "infiniband";
    case TrafficType::kOther:
      break;
  }
  return "other";
}

}  // namespace weir
