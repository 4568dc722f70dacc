// XTrace-Catch's lines: one per flow and interval, in the two forms that tool has had
// (docs/migration-xtrace-catch.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "output/record_queue.h"
#include "record/record_sink.h"

namespace weir {

struct XtraceForm {
  // false: counts since the flow was first seen, as documented. true: counts of the interval with
  // their rates and the interface, as its last version writes them; flows of which nothing came in
  // the interval are left out.
  bool rates = false;
  // RoCE v2 as proto=17 [RoCE v2/UDP], not as proto=254 [RoCE v2].
  bool roce_v2_as_udp = false;
};

// The protocol number of lines and labels: that of IP, but 254 for RoCE v2, 21 for RoCE v1, 20 for
// InfiniBand.
std::uint8_t xtrace_protocol(const FlowSample& flow, bool roce_v2_as_udp);

// Frames that have no addresses, or only unspecified ones, are not shown.
bool is_shown_by_xtrace(const FlowSample& flow);

// Without a line end:
//   SRC:SPORT -> DST:DPORT proto=N [TYPE] packets=P bytes=B host_ip=H
//   [IFACE] SRC:SPORT -> ... bytes=B (R MB/s, R Mbps) host_ip=H
// Packets and bytes are those of the wire. MB are 2^20 bytes, as that tool has it.
void append_xtrace_line(std::string& out, const FlowSample& flow, XtraceForm form,
                        std::string_view host_ip);

class XtraceLines final : public RecordSink {
 public:
  // Of an interface, by its index; valid until it is asked again.
  using HostIp = std::function<std::string_view(std::uint32_t)>;

  XtraceLines(RecordQueue::Lines lines, XtraceForm form, HostIp host_ip)
      : lines_(std::move(lines)), form_(form), host_ip_(std::move(host_ip)) {}

  using RecordSink::on;
  void on(const FlowSample& flow) noexcept override;
  // After each interval.
  void flush() noexcept { lines_.flush(); }

 private:
  RecordQueue::Lines lines_;
  XtraceForm form_;
  HostIp host_ip_;
};

}  // namespace weir
