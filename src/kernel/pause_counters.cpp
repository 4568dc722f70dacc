#include "kernel/pause_counters.h"

#include <linux/dcbnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "kernel/ethtool_statistics.h"
#include "kernel/netlink.h"

namespace weir {
namespace {

constexpr std::size_t kPriorities = 8;

bool by_priority(const PauseCounters::Direction& direction) {
  return std::any_of(direction.begin(), direction.begin() + kPriorities,
                     [](const auto& count) { return count.frames.has_value(); });
}

// The payload that asks for the DCB settings of an interface.
std::vector<std::uint8_t> dcb_question(const std::string& interface) {
  dcbmsg header{};
  header.dcb_family = AF_UNSPEC;
  header.cmd = DCB_CMD_IEEE_GET;
  rtattr attribute{};
  attribute.rta_type = DCB_ATTR_IFNAME;
  attribute.rta_len = static_cast<std::uint16_t>(sizeof attribute + interface.size() + 1);
  std::vector<std::uint8_t> question;
  const auto append = [&](Bytes bytes) {
    question.insert(question.end(), bytes.begin(), bytes.end());
  };
  append(header_bytes(header));
  append(header_bytes(attribute));
  append(as_bytes(interface));
  question.push_back(0);
  return question;
}

void take_pfc(PauseCounters& pauses, Bytes value) {
  ieee_pfc pfc{};
  if (value.size() < sizeof pfc) return;
  std::memcpy(&pfc, value.data(), sizeof pfc);
  // A driver without the capability answers with zeros.
  if (pfc.pfc_cap == 0) return;
  for (std::size_t i = 0; i < kPriorities; ++i) {
    pauses.egress[i].frames = pfc.requests[i];
    pauses.ingress[i].frames = pfc.indications[i];
  }
  pauses.ingress[PauseName::kAll] = pauses.egress[PauseName::kAll] = {};
}

}  // namespace

bool PauseCounters::empty() const {
  const auto none = [](const Count& count) { return !count.frames && !count.microseconds; };
  return std::all_of(ingress.begin(), ingress.end(), none) &&
         std::all_of(egress.begin(), egress.end(), none);
}

void add_driver_pauses(PauseCounters& pauses, std::span<const NamedStatistic> statistics) {
  std::map<PauseName, std::uint64_t> found;
  for (const NamedStatistic& statistic : statistics) {
    if (const auto name = parse_pause_name(statistic.name)) found.emplace(*name, statistic.value);
  }
  // Where a driver tells all frames, its xon and xoff are among them.
  for (const auto& [name, value] : found) {
    auto& count = (name.egress ? pauses.egress : pauses.ingress)[name.priority];
    const PauseName frames{name.egress, name.priority, PauseKind::kFrames};
    if (name.kind == PauseKind::kMicroseconds) {
      count.microseconds = value;
    } else if (name.kind == PauseKind::kFrames || !found.contains(frames)) {
      count.frames = count.frames.value_or(0) + value;
    }
  }
  for (auto* direction : {&pauses.ingress, &pauses.egress}) {
    if (by_priority(*direction)) (*direction)[PauseName::kAll] = {};
  }
}

void add_dcb_pauses(PauseCounters& pauses, Bytes payload) {
  for (const auto& outer : netlink_attributes(payload, sizeof(dcbmsg))) {
    if (outer.type != DCB_ATTR_IEEE) continue;
    for (const auto& attribute : netlink_attributes(outer.value, 0)) {
      if (attribute.type == DCB_ATTR_IEEE_PFC) take_pfc(pauses, attribute.value);
    }
  }
}

Result<std::vector<PauseCounters>> read_pause_counters(std::span<const DeviceStatistics> devices) {
  auto ethtool = EthtoolStatistics::open();
  if (!ethtool) return tl::unexpected(ethtool.error());
  auto netlink = Netlink::open(0);
  if (!netlink) return tl::unexpected(netlink.error());
  std::vector<PauseCounters> list;
  std::vector<NamedStatistic> statistics;
  for (const DeviceStatistics& device : devices) {
    if (!device.kind.empty()) continue;
    PauseCounters pauses;
    pauses.interface_index = device.index;
    statistics.clear();
    for (std::size_t i = 0, count = ethtool->read(device.name); i < count; ++i) {
      statistics.push_back({ethtool->name(i), ethtool->value(i)});
    }
    add_driver_pauses(pauses, statistics);
    if (!by_priority(pauses.ingress) && !by_priority(pauses.egress)) {
      const auto question = dcb_question(device.name);
      // Most devices know nothing of DCB, nor do many kernels: that is no error.
      static_cast<void>(netlink->ask(RTM_GETDCB, question, [&](const NetlinkMessage& message) {
        if (message.type == RTM_GETDCB) add_dcb_pauses(pauses, message.payload);
      }));
    }
    if (!pauses.empty()) list.push_back(std::move(pauses));
  }
  return list;
}

}  // namespace weir
