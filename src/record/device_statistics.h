// DeviceStatistics: what the kernel and the driver of an interface count themselves, since the
// interface was made. The names are the kernel's (struct rtnl_link_stats64).
#pragma once

#include <cstdint>
#include <string>

namespace weir {

struct DeviceStatistics {
  std::uint32_t index = 0;
  std::string name;
  std::string kind;  // veth, vxlan, bridge, ...; empty for hardware and loopback

  // A field that the running kernel does not have is 0.
  std::uint64_t rx_packets = 0, tx_packets = 0;
  std::uint64_t rx_bytes = 0, tx_bytes = 0;
  std::uint64_t rx_errors = 0, tx_errors = 0;
  // rx_missed, rx_nohandler and rx_otherhost_dropped are drops that rx_dropped does not hold. The
  // "drop" of /proc/net/dev is rx_dropped + rx_missed_errors.
  std::uint64_t rx_dropped = 0, tx_dropped = 0;
  std::uint64_t multicast = 0;  // received
  std::uint64_t collisions = 0;
  std::uint64_t rx_length_errors = 0, rx_over_errors = 0, rx_crc_errors = 0;
  std::uint64_t rx_frame_errors = 0, rx_fifo_errors = 0, rx_missed_errors = 0;
  std::uint64_t tx_aborted_errors = 0, tx_carrier_errors = 0, tx_fifo_errors = 0;
  std::uint64_t tx_heartbeat_errors = 0, tx_window_errors = 0;
  std::uint64_t rx_nohandler = 0, rx_otherhost_dropped = 0;
};

// The "device" object of an interface's sample (docs/records.md).
void append_device_json(std::string& out, const DeviceStatistics& device);

}  // namespace weir
