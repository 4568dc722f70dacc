// RdmaPort: the counters of a port of an RDMA device, as the kernel shows them in sysfs. What RDMA
// hardware sends by itself passes no program and no socket of the host; here it is counted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace weir {

struct RdmaPort {
  struct Counter {
    std::string name;  // as sysfs has it: port_xmit_data, out_of_sequence, ...
    std::uint64_t value = 0;
  };

  std::string device;  // mlx5_0
  std::uint32_t port = 0;
  std::vector<std::string> interfaces;  // its network interfaces, the port's own first; may be none
  std::vector<Counter> counters;        // of counters/ and hw_counters/, by name, each once

  const Counter* find(std::string_view name) const;
};

// By device and port; none where the host has no RDMA. What cannot be read, or is not a number, is
// passed over. Needs no privilege.
std::vector<RdmaPort> read_rdma_ports(const std::filesystem::path& root = "/sys/class/infiniband");

}  // namespace weir
