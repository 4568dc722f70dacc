// What a push tells about itself: the families weir_push_* (docs/metrics.md).
#pragma once

#include "metrics/metric_page.h"
#include "output/push.h"

namespace weir {

void add_push_metrics(MetricPage& page, const PushReadings& readings);

}  // namespace weir
