// The words that -f takes for traffic types.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "record/flow_sample.h"

namespace weir {

// all (gives none, which stands for all of them), roce (of any kind, with InfiniBand), roce_v1
// (with InfiniBand), roce_v2, tcp, udp (RoCE v2 is none) or ib. Nothing for any other word.
std::optional<std::vector<TrafficType>> parse_traffic_types(std::string_view word);

}  // namespace weir
