// XtraceSettings: what the drop-in xtrace-catch is asked to do. The defaults are that tool's.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "output/dropin/xtrace.h"
#include "record/flow_sample.h"

namespace weir {

struct XtraceSettings {
  // Names of interfaces; at least one, none twice.
  std::vector<std::string> interfaces;
  // What to count; none = all.
  std::vector<TrafficType> types;
  // Between rounds of lines and of the push.
  Nanos interval = 5 * kSecond;
  // Leave out flows from and to these.
  std::vector<IpAddress> excluded_addresses;
  // Leave out flows from and to ports 53 and 853, whoever serves them.
  bool exclude_dns_ports = false;
  // XDP where that does no harm, else TC; false: TC. XDP sees ingress alone.
  bool xdp = true;
  bool ingress = true, egress = false;
  XtraceForm form;
  // In the place of the interface's own address; empty = that.
  std::string host_ip;
  // Where to push the series to; empty = nowhere.
  std::string push_url;
  // The label collect_agg of the series.
  std::string collect_agg = "default";
};

}  // namespace weir
