#include "output/dropin/xtrace.h"

#include <fmt/format.h>

#include <iterator>
#include <limits>

#include "output/printable.h"

namespace weir {
namespace {

constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint8_t kProtocolInfiniband = 20;
constexpr std::uint8_t kProtocolRoceV1 = 21;
constexpr std::uint8_t kProtocolRoceV2 = 254;
constexpr double kMebibyte = 1024.0 * 1024.0;

// Empty where the documented form has none.
std::string_view type_text(TrafficType type, const XtraceForm& form) {
  switch (type) {
    case TrafficType::kTcp:
      return " [TCP]";
    case TrafficType::kUdp:
      return " [UDP]";
    case TrafficType::kRoceV2:
      return form.roce_v2_as_udp ? " [RoCE v2/UDP]" : " [RoCE v2]";
    case TrafficType::kRoceV1:
      return " [RoCE v1/IBoE]";
    case TrafficType::kInfiniband:
      return " [InfiniBand]";
    case TrafficType::kOther:
      break;
  }
  return form.rates ? " [Other]" : "";
}

bool is_unspecified(const IpAddress& address) {
  static constexpr std::uint8_t kZeros[4] = {};
  return address == IpAddress() || address == IpAddress::v4(kZeros);
}

void append_end(std::string& out, const Endpoint& end) {
  if (end.address.is_v4()) {
    append_address(out, end.address);
  } else {
    out += '[';
    append_address(out, end.address);
    out += ']';
  }
  fmt::format_to(std::back_inserter(out), ":{}", end.port);
}

void append_rates(std::string& out, const FlowSample& flow) {
  double bytes_per_second = 0;
  if (flow.interval_ns > 0) {
    bytes_per_second = static_cast<double>(flow.in_interval.wire_bytes) *
                       static_cast<double>(kSecond) / static_cast<double>(flow.interval_ns);
  }
  fmt::format_to(std::back_inserter(out), " ({:.2f} MB/s, {:.2f} Mbps)",
                 bytes_per_second / kMebibyte, 8 * bytes_per_second / 1e6);
}

}  // namespace

std::uint8_t xtrace_protocol(const FlowSample& flow, bool roce_v2_as_udp) {
  switch (flow.type) {
    case TrafficType::kRoceV2:
      return roce_v2_as_udp ? kProtocolUdp : kProtocolRoceV2;
    case TrafficType::kRoceV1:
      return kProtocolRoceV1;
    case TrafficType::kInfiniband:
      return kProtocolInfiniband;
    default:
      return flow.protocol;
  }
}

bool is_shown_by_xtrace(const FlowSample& flow) {
  if (flow.addresses == FlowAddresses::kNone) return false;
  return !is_unspecified(flow.source.address) || !is_unspecified(flow.destination.address);
}

void append_xtrace_line(std::string& out, const FlowSample& flow, XtraceForm form,
                        std::string_view host_ip) {
  if (form.rates) {
    out += '[';
    append_printable(out, flow.interface, std::numeric_limits<std::size_t>::max());
    out += "] ";
  }
  append_end(out, flow.source);
  out += " -> ";
  append_end(out, flow.destination);
  const TrafficCounts& counts = form.rates ? flow.in_interval : flow.total;
  fmt::format_to(std::back_inserter(out), " proto={}{} packets={} bytes={}",
                 xtrace_protocol(flow, form.roce_v2_as_udp), type_text(flow.type, form),
                 counts.wire_packets, counts.wire_bytes);
  if (form.rates) append_rates(out, flow);
  out += " host_ip=";
  out += host_ip;
}

void XtraceLines::on(const FlowSample& flow) noexcept {
  if (!is_shown_by_xtrace(flow)) return;
  if (form_.rates && flow.in_interval.wire_packets == 0) return;
  append_xtrace_line(lines_.text(), flow, form_, host_ip_(flow.interface_index));
  lines_.text() += '\n';
  lines_.end_line(flow.time);
}

}  // namespace weir
