#include "agent/xtrace_run.h"

#include "agent/flows_run.h"

namespace weir {

Result<> run_xtrace(const XtraceSettings& settings) {
  FlowsSettings flows;
  flows.flows.follow.interfaces = settings.interfaces;
  flows.flows.attach = settings.xdp ? FlowAttach::kAuto : FlowAttach::kTc;
  flows.flows.ingress = settings.ingress;
  flows.flows.egress = settings.egress;
  flows.flows.types = settings.types;
  flows.flows.excluded_addresses = settings.excluded_addresses;
  flows.flows.exclude_dns_ports = settings.exclude_dns_ports;
  flows.xtrace_lines = settings.form;
  flows.interval = settings.interval;
  flows.push.url = settings.push_url;
  flows.host_ip = settings.host_ip;
  flows.collect_agg = settings.collect_agg;
  return run_flows(flows);
}

}  // namespace weir
