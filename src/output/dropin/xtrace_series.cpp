#include "output/dropin/xtrace_series.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "output/dropin/xtrace.h"

namespace weir {
namespace {

struct FamilyText {
  const char *name, *type, *help;
};

constexpr FamilyText kFlowFamilies[] = {
    {"xtrace_network_bytes_total", "counter", "Total network traffic in bytes"},
    {"xtrace_network_packets_total", "counter", "Total network packets"},
    {"xtrace_network_flow_bytes", "gauge", "Current network flow bytes"},
    {"xtrace_network_flow_packets", "gauge", "Current network flow packets"},
    {"xtrace_network_flow_bytes_rate", "gauge",
     "Network flow rate in bytes per second (compatible with node_exporter irate)"},
    {"xtrace_network_flow_bits_rate", "gauge",
     "Network flow rate in bits per second (Mbps when divided by 1e6)"},
};

constexpr FamilyText kPairFamilies[] = {
    {"xtrace_network_nic_bytes_rate", "gauge",
     "Network traffic rate per NIC interface in bytes per second (aggregated by IP pair)"},
    {"xtrace_network_nic_bits_rate", "gauge",
     "Network traffic rate per NIC interface in bits per second (aggregated by IP pair)"},
};

constexpr std::size_t kSeriesOfAFlow = std::size(kFlowFamilies) + std::size(kPairFamilies);

std::string address_text(const IpAddress& address) {
  std::string text;
  append_address(text, address);
  return text;
}

}  // namespace

XtraceSeries::XtraceSeries(XtraceSeriesSettings settings, SeriesSet::Form form, Deliver deliver)
    : settings_(std::move(settings)), deliver_(std::move(deliver)), set_(form, settings_.limits) {
  const auto family = [&](const FamilyText& text) {
    return set_.family(text.name, text.type, text.help);
  };
  for (std::size_t i = 0; i < flow_families_.size(); ++i) {
    flow_families_[i] = family(kFlowFamilies[i]);
  }
  for (std::size_t i = 0; i < pair_families_.size(); ++i) {
    pair_families_[i] = family(kPairFamilies[i]);
  }
}

void XtraceSeries::begin_round(Nanos time) {
  elapsed_ = time_ == 0 ? 0 : time - time_;
  time_ = time;
  follow_interfaces();
}

void XtraceSeries::follow_interfaces() {
  absl::erase_if(interfaces_, [](const auto& entry) { return entry.second->flows == 0; });
  for (auto& [index, interface] : interfaces_) {
    const std::string_view host_ip = settings_.host_ip(index);
    if (host_ip == interface->host_ip) continue;
    interface->host_ip = host_ip;
    ++interface->version;
  }
}

void XtraceSeries::on(const FlowSample& sample) noexcept {
  if (!is_shown_by_xtrace(sample)) return;
  const FlowKey key{{sample.source.address, sample.destination.address, sample.interface_index,
                     xtrace_protocol(sample, settings_.roce_v2_as_udp), sample.type},
                    sample.source.port,
                    sample.destination.port};
  Flow* flow = flow_of(key, interface_of(sample));
  if (flow == nullptr) {
    ++refused_;
    return;
  }
  // Before the second round nobody knows when the first one began.
  if (elapsed_ == 0) elapsed_ = sample.interval_ns;
  const bool is_first_sample = sample.total.wire_packets == sample.in_interval.wire_packets;
  if (flow->parts == 0 || is_first_sample) ++flow->parts;
  if (sample.ended) --flow->parts;
  flow->bytes += sample.in_interval.wire_bytes;
  flow->packets += sample.in_interval.wire_packets;
  flow->pair->bytes += sample.in_interval.wire_bytes;
}

void XtraceSeries::end_round() {
  const double seconds = static_cast<double>(elapsed_) / static_cast<double>(kSecond);
  for (auto it = flows_.begin(); it != flows_.end();) {
    const auto current = it++;
    Flow& flow = current->second;
    if (flow.parts == 0 && flow.packets == 0) {  // what it had last has been told of
      end_flow(current->first, flow);
      flows_.erase(current);
      continue;
    }
    if (flow.version != flow.interface->version) {
      remove_series(flow);
      add_series(current->first, flow);
      if (flow.pair->version != flow.interface->version) {
        remove_series(*flow.pair);
        add_series(current->first.pair, *flow.interface, *flow.pair);
      }
    }
    flow.total_bytes += flow.bytes;
    flow.total_packets += flow.packets;
    write(flow, seconds);
    flow.bytes = flow.packets = 0;
  }
  for (auto& [key, pair] : pairs_) {
    const double rate = seconds > 0 ? static_cast<double>(pair->bytes) / seconds : 0;
    set_.set(pair->series[0], rate);
    set_.set(pair->series[1], 8 * rate);
    pair->bytes = 0;
  }
  deliver_(set_, time_);
}

XtraceSeries::Interface& XtraceSeries::interface_of(const FlowSample& flow) {
  std::unique_ptr<Interface>& interface = interfaces_[flow.interface_index];
  if (interface == nullptr) {
    interface = std::make_unique<Interface>();
    interface->host_ip = settings_.host_ip(flow.interface_index);
    interface->name = flow.interface;
  } else if (interface->name != flow.interface) {
    interface->name = flow.interface;
    ++interface->version;
  }
  return *interface;
}

XtraceSeries::Flow* XtraceSeries::flow_of(const FlowKey& key, Interface& interface) {
  const auto found = flows_.find(key);
  if (found != flows_.end()) return &found->second;
  if (set_.size() + kSeriesOfAFlow > settings_.limits.max_series) return nullptr;
  std::unique_ptr<Pair>& pair = pairs_[key.pair];
  if (pair == nullptr) {
    pair = std::make_unique<Pair>();
    add_series(key.pair, interface, *pair);
  }
  ++pair->flows;
  ++interface.flows;
  Flow& flow = flows_[key];
  flow.pair = pair.get();
  flow.interface = &interface;
  add_series(key, flow);
  return &flow;
}

void XtraceSeries::add_series(const FlowKey& key, Flow& flow) {
  const std::string source = address_text(key.pair.source);
  const std::string destination = address_text(key.pair.destination);
  const std::string source_port = std::to_string(key.source_port);
  const std::string destination_port = std::to_string(key.destination_port);
  const std::string protocol = std::to_string(key.pair.protocol);
  const SeriesLabel labels[] = {{"src_ip", source},
                                {"dst_ip", destination},
                                {"src_port", source_port},
                                {"dst_port", destination_port},
                                {"protocol", protocol},
                                {"traffic_type", traffic_type(key.pair.type)},
                                {"interface", flow.interface->name},
                                {"host_ip", flow.interface->host_ip},
                                {"collect_agg", settings_.collect_agg}};
  for (std::size_t i = 0; i < flow.series.size(); ++i) {
    flow.series[i] = *set_.add(flow_families_[i], labels);
  }
  flow.version = flow.interface->version;
}

void XtraceSeries::add_series(const PairKey& key, const Interface& interface, Pair& pair) {
  const std::string source = address_text(key.source);
  const std::string destination = address_text(key.destination);
  const std::string protocol = std::to_string(key.protocol);
  const SeriesLabel labels[] = {{"interface", interface.name},
                                {"src_ip", source},
                                {"dst_ip", destination},
                                {"protocol", protocol},
                                {"traffic_type", traffic_type(key.type)},
                                {"host_ip", interface.host_ip},
                                {"collect_agg", settings_.collect_agg}};
  for (std::size_t i = 0; i < pair.series.size(); ++i) {
    pair.series[i] = *set_.add(pair_families_[i], labels);
  }
  pair.version = interface.version;
}

void XtraceSeries::remove_series(const Flow& flow) {
  for (const SeriesSet::Handle series : flow.series) set_.remove(series);
}

void XtraceSeries::remove_series(const Pair& pair) {
  for (const SeriesSet::Handle series : pair.series) set_.remove(series);
}

void XtraceSeries::write(const Flow& flow, double seconds) {
  const auto bytes = static_cast<double>(flow.bytes);
  const double rate = seconds > 0 ? bytes / seconds : 0;
  const double values[] = {static_cast<double>(flow.total_bytes),
                           static_cast<double>(flow.total_packets),
                           bytes,
                           static_cast<double>(flow.packets),
                           rate,
                           8 * rate};
  for (std::size_t i = 0; i < flow.series.size(); ++i) set_.set(flow.series[i], values[i]);
}

void XtraceSeries::end_flow(const FlowKey& key, const Flow& flow) {
  remove_series(flow);
  --flow.interface->flows;
  if (--flow.pair->flows > 0) return;
  remove_series(*flow.pair);
  pairs_.erase(key.pair);
}

std::string_view XtraceSeries::traffic_type(TrafficType type) const {
  switch (type) {
    case TrafficType::kTcp:
      return "TCP";
    case TrafficType::kUdp:
      return "UDP";
    case TrafficType::kRoceV2:
      return settings_.roce_v2_as_udp ? "RoCE_v2_UDP" : "RoCE_v2";
    case TrafficType::kRoceV1:
      return "RoCE_v1_IBoE";
    case TrafficType::kInfiniband:
      return "InfiniBand";
    case TrafficType::kOther:
      break;
  }
  return "Other";
}

}  // namespace weir
