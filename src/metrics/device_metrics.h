// The metrics of what interfaces, their queues and RDMA ports count themselves (docs/metrics.md).
#pragma once

#include <vector>

#include "kernel/pause_counters.h"
#include "kernel/qdisc_statistics.h"
#include "kernel/rdma_ports.h"
#include "metrics/metric_page.h"
#include "record/device_statistics.h"

namespace weir {

// One reading. Queues and pauses of interfaces that `devices` has not are not shown.
struct DeviceReadings {
  std::vector<DeviceStatistics> devices;
  std::vector<QdiscStatistics> qdiscs;
  std::vector<PauseCounters> pauses;
  std::vector<RdmaPort> rdma_ports;
};

// A family without a sample is left out.
void add_device_metrics(MetricPage& page, const DeviceReadings& readings);

}  // namespace weir
