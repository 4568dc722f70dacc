#include "record/interface_sample.h"

#include <fmt/format.h>

#include <iterator>

#include "record/json.h"

namespace weir {
namespace {

void append_traffic(std::string& out, std::string_view direction, const TrafficCounts& counts,
                    const TrafficRates& rates) {
  fmt::format_to(std::back_inserter(out),
                 ",\"{}\":{{\"frames\":{},\"frame_bytes\":{},\"wire_packets\":{},\"wire_bytes\":{},"
                 "\"frames_per_second\":{:.6g},\"frame_bytes_per_second\":{:.6g},"
                 "\"wire_packets_per_second\":{:.6g},\"wire_bytes_per_second\":{:.6g}}}",
                 direction, counts.frames, counts.bytes, counts.wire_packets, counts.wire_bytes,
                 rates.frames, rates.bytes, rates.wire_packets, rates.wire_bytes);
}

}  // namespace

void append_json(std::string& out, const InterfaceSample& sample) {
  out += R"({"lens":"interfaces","time":")";
  append_rfc3339(out, sample.time);
  out += R"(","interface":)";
  append_json_string(out, sample.name);
  fmt::format_to(std::back_inserter(out), ",\"ifindex\":{},\"state\":\"{}\",\"interval_ns\":{}",
                 sample.index, sample.state, sample.interval_ns);
  append_traffic(out, "ingress", sample.ingress, sample.ingress_rate);
  append_traffic(out, "egress", sample.egress, sample.egress_rate);
  out += sample.active ? R"(,"active":true)" : R"(,"active":false)";
  if (sample.device) {
    out += R"(,"device":)";
    append_device_json(out, *sample.device);
  }
  if (sample.queue_dropped) {
    fmt::format_to(std::back_inserter(out), ",\"queue\":{{\"dropped\":{}}}", *sample.queue_dropped);
  }
  out += '}';
}

}  // namespace weir
