#include "kernel/device_statistics.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "kernel/interface.h"
#include "kernel/netlink.h"

namespace weir {
namespace {

void take_counts(DeviceStatistics& device, Bytes value) {
  // The kernel's struct grows at its end; an older one is shorter.
  rtnl_link_stats64 counts{};
  std::memcpy(&counts, value.data(), std::min(value.size(), sizeof counts));
  device.rx_packets = counts.rx_packets;
  device.tx_packets = counts.tx_packets;
  device.rx_bytes = counts.rx_bytes;
  device.tx_bytes = counts.tx_bytes;
  device.rx_errors = counts.rx_errors;
  device.tx_errors = counts.tx_errors;
  device.rx_dropped = counts.rx_dropped;
  device.tx_dropped = counts.tx_dropped;
  device.multicast = counts.multicast;
  device.collisions = counts.collisions;
  device.rx_length_errors = counts.rx_length_errors;
  device.rx_over_errors = counts.rx_over_errors;
  device.rx_crc_errors = counts.rx_crc_errors;
  device.rx_frame_errors = counts.rx_frame_errors;
  device.rx_fifo_errors = counts.rx_fifo_errors;
  device.rx_missed_errors = counts.rx_missed_errors;
  device.tx_aborted_errors = counts.tx_aborted_errors;
  device.tx_carrier_errors = counts.tx_carrier_errors;
  device.tx_fifo_errors = counts.tx_fifo_errors;
  device.tx_heartbeat_errors = counts.tx_heartbeat_errors;
  device.tx_window_errors = counts.tx_window_errors;
  device.rx_nohandler = counts.rx_nohandler;
  device.rx_otherhost_dropped = counts.rx_otherhost_dropped;
}

}  // namespace

std::optional<DeviceStatistics> parse_device_statistics(Bytes payload) {
  auto link = parse_link(payload);
  if (!link) return std::nullopt;
  for (const auto& attribute : netlink_attributes(payload, sizeof(ifinfomsg))) {
    if (attribute.type != IFLA_STATS64 || attribute.value.empty()) continue;
    DeviceStatistics device;
    device.index = link->index;
    device.name = std::move(link->name);
    device.kind = std::move(link->kind);
    take_counts(device, attribute.value);
    return device;
  }
  return std::nullopt;
}

Result<std::vector<DeviceStatistics>> read_device_statistics() {
  auto netlink = Netlink::open(0);
  if (!netlink) return tl::unexpected(netlink.error());
  // By index: a dump that is overtaken by a change can tell of an interface twice.
  std::map<std::uint32_t, DeviceStatistics> devices;
  const auto dumped = netlink->dump(RTM_GETLINK, [&](const NetlinkMessage& message) {
    if (message.type != RTM_NEWLINK) return;
    if (auto device = parse_device_statistics(message.payload)) {
      devices[device->index] = std::move(*device);
    }
  });
  if (!dumped) return tl::unexpected(dumped.error());
  std::vector<DeviceStatistics> list;
  for (auto& [index, device] : devices) list.push_back(std::move(device));
  return list;
}

}  // namespace weir
