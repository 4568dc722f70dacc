#include "kernel/rdma_ports.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace weir {
namespace {

namespace fs = std::filesystem;

// A folder that is laid out as /sys/class/infiniband.
class Sysfs {
 public:
  Sysfs() {
    std::string name = fs::temp_directory_path() / "weir-rdma-XXXXXX";
    root_ = mkdtemp(name.data());
  }
  ~Sysfs() { fs::remove_all(root_); }

  void file(const std::string& path, const std::string& content) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

std::uint64_t value(const RdmaPort& port, std::string_view name) {
  const auto* counter = port.find(name);
  if (counter == nullptr) ADD_FAILURE() << "no " << name;
  return counter == nullptr ? 0 : counter->value;
}

TEST(RdmaPorts, ReadsCountersAndInterfaces) {
  const Sysfs sysfs;
  const std::string port = "mlx5_0/ports/1/";
  sysfs.file(port + "counters/port_rcv_data", "18446744073709551615\n");
  sysfs.file(port + "counters/port_xmit_data", "2\n");
  sysfs.file(port + "counters/VL15_dropped", "0");
  sysfs.file(port + "hw_counters/out_of_sequence", "7\n");
  sysfs.file(port + "hw_counters/lifespan", "12\n");
  sysfs.file(port + "gid_attrs/ndevs/0", "eth1\n");
  sysfs.file(port + "gid_attrs/ndevs/1", "eth1\n");
  sysfs.file(port + "gid_attrs/ndevs/2", "");  // an entry that is not in use
  sysfs.file(port + "gid_attrs/ndevs/10", "bond0\n");
  sysfs.file(port + "gid_attrs/ndevs/9", "eth1.7\n");
  const auto ports = read_rdma_ports(sysfs.root());
  ASSERT_EQ(ports.size(), 1U);
  EXPECT_EQ(ports[0].device, "mlx5_0");
  EXPECT_EQ(ports[0].port, 1U);
  EXPECT_EQ(ports[0].interfaces, (std::vector<std::string>{"eth1", "eth1.7", "bond0"}));
  EXPECT_EQ(ports[0].counters.size(), 4U);
  EXPECT_EQ(value(ports[0], "port_rcv_data"), ~std::uint64_t{0});
  EXPECT_EQ(value(ports[0], "port_xmit_data"), 2U);
  EXPECT_EQ(value(ports[0], "VL15_dropped"), 0U);
  EXPECT_EQ(value(ports[0], "out_of_sequence"), 7U);
  EXPECT_EQ(ports[0].find("lifespan"), nullptr);
}

TEST(RdmaPorts, InTheOrderOfDevicesAndPorts) {
  const Sysfs sysfs;
  for (const char* port : {"b/ports/10", "b/ports/2", "a/ports/1"}) {
    sysfs.file(std::string(port) + "/counters/link_downed", "1");
  }
  const auto ports = read_rdma_ports(sysfs.root());
  ASSERT_EQ(ports.size(), 3U);
  EXPECT_EQ(ports[0].device, "a");
  EXPECT_EQ(ports[1].port, 2U);
  EXPECT_EQ(ports[2].port, 10U);
}

TEST(RdmaPorts, ACounterOfBothFoldersIsOne) {
  const Sysfs sysfs;
  sysfs.file("a/ports/1/counters/symbol_error", "1");
  sysfs.file("a/ports/1/hw_counters/symbol_error", "2");
  const auto ports = read_rdma_ports(sysfs.root());
  ASSERT_EQ(ports.size(), 1U);
  ASSERT_EQ(ports[0].counters.size(), 1U);
  EXPECT_EQ(ports[0].counters[0].value, 1U);
}

TEST(RdmaPorts, WhatIsNoCounterIsPassedOver) {
  const Sysfs sysfs;
  const std::string counters = "a/ports/1/counters/";
  sysfs.file(counters + "not_available", "N/A (no PMA)\n");
  sysfs.file(counters + "negative", "-1\n");
  sysfs.file(counters + "too_large", "18446744073709551616\n");
  sysfs.file(counters + "too_long", std::string(65, '1'));
  sysfs.file(counters + "two", "1 2\n");
  sysfs.file(counters + "hexadecimal", "0x10\n");
  sysfs.file(counters + "empty", "");
  sysfs.file(counters + "a name", "1");
  sysfs.file(counters + std::string(65, 'n'), "1");
  sysfs.file(counters + ".hidden", "1");
  sysfs.file(counters + "folder/file", "1");
  sysfs.file("a/ports/one/counters/good", "1");
  sysfs.file("dev\"ice/ports/1/counters/good", "1");
  sysfs.file(counters + "good", "1");
  ASSERT_EQ(mkfifo((sysfs.root() / counters / "pipe").c_str(), 0600), 0);
  const auto ports = read_rdma_ports(sysfs.root());
  ASSERT_EQ(ports.size(), 1U);
  ASSERT_EQ(ports[0].counters.size(), 1U);
  EXPECT_EQ(ports[0].counters[0].name, "good");
}

TEST(RdmaPorts, NoneWithoutRdma) {
  const Sysfs sysfs;
  EXPECT_TRUE(read_rdma_ports(sysfs.root() / "infiniband").empty());
  EXPECT_TRUE(read_rdma_ports(sysfs.root()).empty());
}

}  // namespace
}  // namespace weir
