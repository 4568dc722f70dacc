#include "record/flow_sample.h"

#include <fmt/format.h>

#include <iterator>

#include "record/json.h"

namespace weir {
namespace {

void append_end(std::string& out, std::string_view key, const Endpoint& endpoint) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":{{\"address\":\"", key);
  append_address(out, endpoint.address);
  out += '"';
  if (endpoint.port != 0) fmt::format_to(std::back_inserter(out), ",\"port\":{}", endpoint.port);
  out += '}';
}

void append_counts(std::string& out, std::string_view key, const TrafficCounts& counts) {
  fmt::format_to(std::back_inserter(out),
                 ",\"{}\":{{\"frames\":{},\"frame_bytes\":{},\"wire_packets\":{},"
                 "\"wire_bytes\":{}}}",
                 key, counts.frames, counts.bytes, counts.wire_packets, counts.wire_bytes);
}

// Who talks to whom, as far as the frame says.
void append_ends(std::string& out, const FlowSample& flow) {
  if (flow.addresses == FlowAddresses::kNone) {
    fmt::format_to(std::back_inserter(out), ",\"ether_type\":{}", flow.ether_type);
    return;
  }
  if (flow.addresses != FlowAddresses::kGid) {
    fmt::format_to(std::back_inserter(out), ",\"protocol\":{}", flow.protocol);
  }
  append_end(out, "source", flow.source);
  append_end(out, "destination", flow.destination);
}

}  // namespace

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

void append_json(std::string& out, const FlowSample& flow) {
  out += R"({"lens":"flows","time":")";
  append_rfc3339(out, flow.time);
  out += R"(","interface":)";
  append_json_string(out, flow.interface);
  fmt::format_to(std::back_inserter(out), ",\"ifindex\":{},\"direction\":\"{}\",\"type\":\"{}\"",
                 flow.interface_index, direction_name(flow.direction),
                 traffic_type_name(flow.type));
  append_ends(out, flow);
  if (flow.vlan) fmt::format_to(std::back_inserter(out), ",\"vlan\":{}", *flow.vlan);
  append_counts(out, "total", flow.total);
  fmt::format_to(std::back_inserter(out), ",\"interval_ns\":{}", flow.interval_ns);
  append_counts(out, "interval", flow.in_interval);
  out += R"(,"first_seen":")";
  append_rfc3339(out, flow.first_seen);
  out += R"(","last_seen":")";
  append_rfc3339(out, flow.last_seen);
  out += flow.ended ? R"(","ended":true})" : R"(","ended":false})";
}

}  // namespace weir
