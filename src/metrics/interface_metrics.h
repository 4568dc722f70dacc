// The metrics of what weir counts on the wire of each interface (docs/metrics.md). The frames are
// NetProbe Agent's families: output/dropin/netprobe.h.
#pragma once

#include <vector>

#include "metrics/metric_page.h"
#include "record/interface_sample.h"

namespace weir {

// `uncounted`: interfaces that were asked for and are not counted.
void add_interface_metrics(MetricPage& page, const std::vector<InterfaceSample>& samples,
                           std::size_t uncounted);

}  // namespace weir
