#include "metrics/interface_metrics.h"

namespace weir {
namespace {

std::string labels_of(const InterfaceSample& sample, std::string_view direction) {
  return label("direction", direction) + ',' + label("ifindex", std::to_string(sample.index)) +
         ',' + label("interface", sample.name);
}

void add_family(MetricPage& page, const std::vector<InterfaceSample>& samples,
                std::string_view name, std::string_view help,
                std::uint64_t TrafficCounts::* count) {
  if (samples.empty()) return;
  page.family(name, "counter", help);
  for (const InterfaceSample& sample : samples) {
    page.sample(labels_of(sample, "ingress"), sample.ingress.*count);
    page.sample(labels_of(sample, "egress"), sample.egress.*count);
  }
}

}  // namespace

void add_interface_metrics(MetricPage& page, const std::vector<InterfaceSample>& samples,
                           std::size_t uncounted) {
  add_family(page, samples, "weir_interface_wire_packets_total",
             "Packets as the wire carries them: super packets are as many as they are cut into.",
             &TrafficCounts::wire_packets);
  add_family(page, samples, "weir_interface_wire_bytes_total",
             "Bytes of them, from the link header on.", &TrafficCounts::wire_bytes);
  page.single("weir_interfaces_uncounted", "gauge",
              "Interfaces that were asked for and are not counted: they refuse, or their turn has "
              "not come.",
              uncounted);
}

}  // namespace weir
