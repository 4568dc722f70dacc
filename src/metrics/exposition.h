// The /metrics page: Prometheus text format 0.0.4 of everything the requests lens counts.
#pragma once

#include <string>
#include <string_view>

#include "metrics/requests_totals.h"

namespace weir {

// Safe while the workers write. Within one page _count equals the +Inf bucket.
std::string render_metrics_page(const RequestsReadings& readings, std::string_view version,
                                bool lens_up);

}  // namespace weir
