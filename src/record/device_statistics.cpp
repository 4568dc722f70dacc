#include "record/device_statistics.h"

#include <fmt/format.h>

#include <iterator>

namespace weir {

void append_device_json(std::string& out, const DeviceStatistics& device) {
  fmt::format_to(std::back_inserter(out),
                 R"({{"rx_packets":{},"tx_packets":{},"rx_bytes":{},"tx_bytes":{},)"
                 R"("rx_dropped":{},"tx_dropped":{},"rx_errors":{},"tx_errors":{}}})",
                 device.rx_packets, device.tx_packets, device.rx_bytes, device.tx_bytes,
                 device.rx_dropped, device.tx_dropped, device.rx_errors, device.tx_errors);
}

}  // namespace weir
