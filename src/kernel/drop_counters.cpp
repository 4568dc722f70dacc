#include "kernel/drop_counters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <utility>

#include "kernel/device_statistics.h"

namespace weir {
namespace {

constexpr std::string_view kGroup = "TcpExt:";
// Those of TcpExt that count packets or connections thrown away.
constexpr std::array kTcp{
    std::string_view{"ListenOverflows"},  std::string_view{"ListenDrops"},
    std::string_view{"TCPBacklogDrop"},   std::string_view{"PFMemallocDrop"},
    std::string_view{"TCPReqQFullDrop"},  std::string_view{"TCPDeferAcceptDrop"},
    std::string_view{"LockDroppedIcmps"}, std::string_view{"TCPRcvQDrop"},
    std::string_view{"OfoPruned"},        std::string_view{"RcvPruned"},
    std::string_view{"TCPOFODrop"},       std::string_view{"TCPZeroWindowDrop"},
};

struct DeviceCounter {
  std::string_view name;
  std::uint64_t DeviceStatistics::* value;
};

constexpr std::array kDevice{
    DeviceCounter{"rx_dropped", &DeviceStatistics::rx_dropped},
    DeviceCounter{"tx_dropped", &DeviceStatistics::tx_dropped},
    DeviceCounter{"rx_missed_errors", &DeviceStatistics::rx_missed_errors},
    DeviceCounter{"rx_over_errors", &DeviceStatistics::rx_over_errors},
    DeviceCounter{"rx_fifo_errors", &DeviceStatistics::rx_fifo_errors},
    DeviceCounter{"rx_crc_errors", &DeviceStatistics::rx_crc_errors},
    DeviceCounter{"rx_length_errors", &DeviceStatistics::rx_length_errors},
    DeviceCounter{"rx_frame_errors", &DeviceStatistics::rx_frame_errors},
    DeviceCounter{"tx_errors", &DeviceStatistics::tx_errors},
};

Result<std::string> text_of(const char* path) {
  const std::ifstream file(path);
  if (!file) return system_failure(std::string("read ") + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string_view next(std::string_view& text, char end) {
  const std::string_view piece = text.substr(0, text.find(end));
  text.remove_prefix(std::min(text.size(), piece.size() + 1));
  return piece;
}

std::uint64_t number_of(std::string_view text, int base = 10) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

}  // namespace

void parse_netstat_drops(std::string_view text, const DropCounters::Counter& visit) {
  while (!text.empty()) {
    std::string_view names = next(text, '\n'), values = next(text, '\n');
    if (next(names, ' ') != kGroup || next(values, ' ') != kGroup) continue;
    while (!names.empty() && !values.empty()) {
      const std::string_view name = next(names, ' '), value = next(values, ' ');
      if (std::find(kTcp.begin(), kTcp.end(), name) == kTcp.end()) continue;
      visit("TcpExt" + std::string(name), "", number_of(value));
    }
  }
}

std::uint64_t parse_softnet_drops(std::string_view text) {
  std::uint64_t dropped = 0;
  while (!text.empty()) {
    std::string_view line = next(text, '\n');
    next(line, ' ');  // packets
    dropped += number_of(next(line, ' '), 16);
  }
  return dropped;
}

bool names_drops(std::string_view driver_name) {
  return driver_name.find("drop") != std::string_view::npos ||
         driver_name.find("discard") != std::string_view::npos ||
         driver_name.find("no_buf") != std::string_view::npos ||
         driver_name.find("out_of_buffer") != std::string_view::npos;
}

Result<DropCounters> DropCounters::open() {
  auto drivers = EthtoolStatistics::open();
  if (!drivers) return tl::unexpected(drivers.error());
  return DropCounters(std::move(*drivers));
}

Result<> DropCounters::read(const Counter& visit) {
  const auto tcp = text_of("/proc/net/netstat");
  if (!tcp) return tl::unexpected(tcp.error());
  parse_netstat_drops(*tcp, visit);
  const auto softnet = text_of("/proc/net/softnet_stat");
  if (!softnet) return tl::unexpected(softnet.error());
  visit("softnet_dropped", "", parse_softnet_drops(*softnet));
  const auto devices = read_device_statistics();
  if (!devices) return tl::unexpected(devices.error());
  for (const DeviceStatistics& device : *devices) {
    for (const DeviceCounter& counter : kDevice) {
      visit(counter.name, device.name, device.*counter.value);
    }
    const std::size_t count = drivers_.read(device.name);
    for (std::size_t i = 0; i < count; ++i) {
      if (names_drops(drivers_.name(i))) visit(drivers_.name(i), device.name, drivers_.value(i));
    }
  }
  return {};
}

}  // namespace weir
