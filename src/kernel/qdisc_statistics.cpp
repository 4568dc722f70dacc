#include "kernel/qdisc_statistics.h"

#include <fmt/format.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

#include "kernel/netlink.h"

namespace weir {
namespace {

// The kernel's structs have grown: what is missing stays 0, what is new is left alone.
template <class Struct>
Struct leading(Bytes value) {
  Struct out{};
  std::memcpy(&out, value.data(), std::min(value.size(), sizeof out));
  return out;
}

std::string parent_text(std::uint32_t parent) {
  if (parent == TC_H_ROOT) return "root";
  if (parent == TC_H_UNSPEC) return "none";
  const std::uint32_t major = TC_H_MAJ(parent) >> 16;
  const std::uint32_t minor = TC_H_MIN(parent);
  if (major == 0) return fmt::format(":{:x}", minor);
  if (minor == 0) return fmt::format("{:x}:", major);
  return fmt::format("{:x}:{:x}", major, minor);
}

void take_counts(QdiscStatistics& qdisc, const NetlinkAttribute& stats2) {
  std::optional<std::uint64_t> packets;
  for (const auto& attribute : netlink_attributes(stats2.value, 0)) {
    if (attribute.type == TCA_STATS_BASIC) {
      const auto basic = leading<gnet_stats_basic>(attribute.value);
      qdisc.bytes = basic.bytes;
      qdisc.packets = basic.packets;
    } else if (attribute.type == TCA_STATS_PKT64) {
      packets = leading<std::uint64_t>(attribute.value);
    } else if (attribute.type == TCA_STATS_QUEUE) {
      const auto queue = leading<gnet_stats_queue>(attribute.value);
      qdisc.dropped = queue.drops;
      qdisc.overlimits = queue.overlimits;
      qdisc.requeues = queue.requeues;
      qdisc.backlog_bytes = queue.backlog;
      qdisc.backlog_packets = queue.qlen;
    }
  }
  // The basic count has 32 bits; this one is there from the moment they do not suffice.
  if (packets) qdisc.packets = *packets;
}

}  // namespace

std::optional<QdiscStatistics> parse_qdisc_statistics(Bytes payload) {
  tcmsg header{};
  if (payload.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, payload.data(), sizeof header);
  if (header.tcm_ifindex <= 0) return std::nullopt;
  QdiscStatistics qdisc;
  qdisc.interface_index = static_cast<std::uint32_t>(header.tcm_ifindex);
  qdisc.handle = fmt::format("{:x}:", header.tcm_handle >> 16);
  qdisc.parent = parent_text(header.tcm_parent);
  for (const auto& attribute : netlink_attributes(payload, sizeof header)) {
    if (attribute.type == TCA_KIND) qdisc.kind = attribute.text();
    if (attribute.type == TCA_STATS2) take_counts(qdisc, attribute);
  }
  if (qdisc.kind.empty()) return std::nullopt;
  return qdisc;
}

Result<std::vector<QdiscStatistics>> read_qdisc_statistics() {
  auto netlink = Netlink::open(0);
  if (!netlink) return tl::unexpected(netlink.error());
  std::vector<QdiscStatistics> qdiscs;
  tcmsg request{};  // of every interface
  const auto dumped =
      netlink->dump(RTM_GETQDISC, header_bytes(request), [&](const NetlinkMessage& message) {
        if (message.type != RTM_NEWQDISC) return;
        if (auto qdisc = parse_qdisc_statistics(message.payload)) {
          qdiscs.push_back(std::move(*qdisc));
        }
      });
  if (!dumped) return tl::unexpected(dumped.error());
  return qdiscs;
}

}  // namespace weir
