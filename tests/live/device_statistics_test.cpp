// Device and queue statistics against /proc/net/dev and tc, in a network namespace of the test's
// own. Needs root, ip and tc; skips without.
#include "kernel/device_statistics.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/fd.h"
#include "kernel/ethtool_statistics.h"
#include "kernel/pause_counters.h"
#include "kernel/qdisc_statistics.h"

namespace weir {
namespace {

// Runs `work` in a thread with a network namespace of its own, where lo is up.
template <class Work>
bool in_namespace(const Work& work) {
  bool done = false;
  std::thread([&] {
    if (::geteuid() != 0 || ::unshare(CLONE_NEWNET) != 0) return;
    done = std::system("ip link set lo up && tc qdisc show >/dev/null") == 0;
    if (done) work();
  }).join();
  return done;
}

void run(const char* command) { ASSERT_EQ(std::system(command), 0) << command; }

// Sends `count` datagrams to an address, without caring whether they leave the host.
void send_datagrams(const char* address, int count) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(socket.valid());
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  ASSERT_EQ(::inet_pton(AF_INET, address, &to.sin_addr), 1);
  const std::vector<char> payload(700);
  for (int i = 0; i < count; ++i) {
    static_cast<void>(::sendto(socket.get(), payload.data(), payload.size(), 0,
                               reinterpret_cast<const sockaddr*>(&to), sizeof to));
  }
}

struct ProcLine {
  std::uint64_t rx_bytes, rx_packets, rx_errors, rx_drop, rx_fifo, rx_frame, rx_compressed,
      multicast, tx_bytes, tx_packets, tx_errors, tx_drop;
};

ProcLine proc_net_dev(const std::string& interface) {
  std::ifstream file("/proc/thread-self/net/dev");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    ProcLine read{};
    words >> name >> read.rx_bytes >> read.rx_packets >> read.rx_errors >> read.rx_drop >>
        read.rx_fifo >> read.rx_frame >> read.rx_compressed >> read.multicast >> read.tx_bytes >>
        read.tx_packets >> read.tx_errors >> read.tx_drop;
    if (name == interface + ":") return read;
  }
  ADD_FAILURE() << "no " << interface << " in /proc/net/dev";
  return {};
}

const DeviceStatistics* find(const std::vector<DeviceStatistics>& devices, std::string_view name) {
  const auto at = std::find_if(devices.begin(), devices.end(),
                               [&](const auto& device) { return device.name == name; });
  return at == devices.end() ? nullptr : &*at;
}

TEST(DeviceStatisticsLive, AgreeWithProcNetDev) {
  const bool ran = in_namespace([] {
    run("ip link add va type veth peer name vb && ip link set va up && ip link set vb up");
    run("ip addr add 10.9.0.1/24 dev va && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev va");
    // Quiet before it is compared: IPv6 would send by itself.
    run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    send_datagrams("127.0.0.1", 30);
    send_datagrams("10.9.0.2", 20);
    const auto devices = read_device_statistics();
    ASSERT_TRUE(devices) << devices.error().text();
    ASSERT_EQ(devices->size(), 3U);
    for (const char* name : {"lo", "va", "vb"}) {
      const auto* device = find(*devices, name);
      ASSERT_NE(device, nullptr) << name;
      const ProcLine proc = proc_net_dev(name);
      EXPECT_EQ(device->rx_bytes, proc.rx_bytes) << name;
      EXPECT_EQ(device->rx_packets, proc.rx_packets) << name;
      EXPECT_EQ(device->rx_errors, proc.rx_errors) << name;
      EXPECT_EQ(device->rx_dropped + device->rx_missed_errors, proc.rx_drop) << name;
      EXPECT_EQ(device->multicast, proc.multicast) << name;
      EXPECT_EQ(device->tx_bytes, proc.tx_bytes) << name;
      EXPECT_EQ(device->tx_packets, proc.tx_packets) << name;
      EXPECT_EQ(device->tx_errors, proc.tx_errors) << name;
      EXPECT_EQ(device->tx_dropped, proc.tx_drop) << name;
    }
    EXPECT_EQ(find(*devices, "lo")->kind, "");
    EXPECT_EQ(find(*devices, "va")->kind, "veth");
    EXPECT_GE(find(*devices, "lo")->rx_packets, 30U);
    EXPECT_GE(find(*devices, "vb")->rx_packets, 20U);
    const auto pauses = read_pause_counters(*devices);
    ASSERT_TRUE(pauses) << pauses.error().text();
    EXPECT_TRUE(pauses->empty());
  });
  if (!ran) GTEST_SKIP() << "needs root, ip and tc";
}

TEST(EthtoolStatisticsLive, ADriversOwn) {
  const bool ran = in_namespace([] {
    run("ip link add va type veth peer name vb");
    const auto devices = read_device_statistics();
    ASSERT_TRUE(devices) << devices.error().text();
    auto ethtool = EthtoolStatistics::open();
    ASSERT_TRUE(ethtool) << ethtool.error().text();
    const std::size_t count = ethtool->read("va");
    ASSERT_GT(count, 0U);
    EXPECT_EQ(ethtool->name(0), "peer_ifindex");
    EXPECT_EQ(ethtool->value(0), find(*devices, "vb")->index);
    for (std::size_t i = 0; i < count; ++i) EXPECT_NE(ethtool->name(i), "");
    EXPECT_EQ(ethtool->read("lo"), 0U);
    EXPECT_EQ(ethtool->read("nobody"), 0U);
  });
  if (!ran) GTEST_SKIP() << "needs root, ip and tc";
}

nlohmann::json tc_says() {
  std::string text;
  FILE* pipe = ::popen("tc -s -j qdisc show", "r");
  if (pipe == nullptr) return {};
  char part[4096];
  while (const std::size_t size = std::fread(part, 1, sizeof part, pipe)) text.append(part, size);
  ::pclose(pipe);
  return nlohmann::json::parse(text);
}

void expect_same(const QdiscStatistics& ours, const nlohmann::json& theirs) {
  const std::string which = theirs.dump();
  EXPECT_EQ(ours.kind, theirs["kind"].get<std::string>()) << which;
  EXPECT_EQ(ours.handle, theirs["handle"].get<std::string>()) << which;
  const std::string parent = theirs.value("root", false) ? "root" : theirs["parent"];
  EXPECT_EQ(ours.parent, parent) << which;
  EXPECT_EQ(ours.bytes, theirs["bytes"]) << which;
  EXPECT_EQ(ours.packets, theirs["packets"]) << which;
  EXPECT_EQ(ours.dropped, theirs["drops"]) << which;
  EXPECT_EQ(ours.overlimits, theirs["overlimits"]) << which;
  EXPECT_EQ(ours.requeues, theirs["requeues"]) << which;
  EXPECT_EQ(ours.backlog_bytes, theirs["backlog"]) << which;
  EXPECT_EQ(ours.backlog_packets, theirs["qlen"]) << which;
}

TEST(QdiscStatisticsLive, AgreeWithTc) {
  const bool ran = in_namespace([] {
    run("ip link add va type veth peer name vb && ip link set va up && ip link set vb up");
    run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    run("ip addr add 10.9.0.1/24 dev va && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev va");
    // 8 kbit/s, with room for a few, below a class; one without a handle; one with many queues.
    run("tc qdisc add dev va root handle 1: htb default 2 && "
        "tc class add dev va parent 1: classid 1:2 htb rate 8kbit burst 1600 quantum 1500 && "
        "tc qdisc add dev va parent 1:2 handle 8001: bfifo limit 3000 && "
        "tc qdisc add dev va clsact && "
        "ip link add vc numtxqueues 2 type veth peer name vd && tc qdisc add dev vc root mq");
    send_datagrams("10.9.0.2", 40);
    // A queue that sends meanwhile changes between the two readings: again, then.
    for (int attempt = 0;; ++attempt) {
      const auto before = tc_says();
      const auto ours = read_qdisc_statistics();
      const auto theirs = tc_says();
      ASSERT_TRUE(ours) << ours.error().text();
      if (before != theirs && attempt < 50) continue;
      ASSERT_EQ(ours->size(), theirs.size());
      for (std::size_t i = 0; i < ours->size(); ++i) expect_same((*ours)[i], theirs[i]);
      const auto fifo = std::find_if(ours->begin(), ours->end(),
                                     [](const auto& qdisc) { return qdisc.kind == "bfifo"; });
      ASSERT_NE(fifo, ours->end());
      EXPECT_EQ(fifo->parent, "1:2");
      EXPECT_GT(fifo->dropped, 10U);
      EXPECT_GT(fifo->backlog_bytes, 0U);
      return;
    }
  });
  if (!ran) GTEST_SKIP() << "needs root, ip and tc";
}

}  // namespace
}  // namespace weir
