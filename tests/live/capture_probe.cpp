// capture_probe: captures and counts, for the live tests.
//   capture_probe [-w WORKERS] [-i NAME]... [-f FILTER] [-p] [-m RING_MIB] [-s SLOW_US] [-t]
//   SECONDS
// Prints `ready`, and when its standard input ends one JSON object: per worker packets, drops, and
// the ports seen at either end of TCP and UDP connections (behind VXLAN, innermost); the threads'
// CPU time. -s waits at each packet so that the ring overflows; -t prints a line for each packet.
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "packet/capture_group.h"

namespace {

using weir::Bytes;
using weir::Frame;

struct Tally {
  std::uint64_t packets = 0, bytes = 0, wire_bytes = 0, ipv4 = 0, cut = 0;
  std::int64_t worst_delay = 0;
  std::map<std::string, std::uint64_t> interfaces, ether_types, flows;
  weir::CaptureStatistics statistics;
};

// "port-port", the smaller first, of the innermost IPv4 TCP or UDP header behind VLAN tags and
// VXLAN.
std::string flow_of(Bytes data, std::uint16_t type) {
  std::string flow;
  for (int depth = 0; depth < 3; ++depth) {
    while ((type == 0x8100 || type == 0x88a8) && data.size() >= 4) {
      type = weir::load_be16(data.data() + 2);
      data = data.subspan(4);
    }
    if (type != 0x0800 || data.size() < 20) return flow;
    const std::size_t length = (data[0] & 15U) * 4U;
    const auto protocol = data[9];
    if (length < 20 || data.size() < length + 8) return flow;
    if (protocol != 6 && protocol != 17 && protocol != 4) return flow;
    data = data.subspan(length);
    if (protocol == 4) continue;
    const auto a = weir::load_be16(data.data()), b = weir::load_be16(data.data() + 2);
    flow = std::to_string(std::min(a, b)) + "-" + std::to_string(std::max(a, b));
    if (protocol != 17 || b != 4789 || data.size() < 30) return flow;
    type = weir::load_be16(data.data() + 16 + 12);
    data = data.subspan(16 + 14);
  }
  return flow;
}

std::int64_t cpu_microseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) { return t.tv_sec * 1'000'000 + t.tv_usec; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

void work(weir::CaptureGroup& group, std::size_t worker, int slow_us, bool trace, Tally& tally) {
  auto& ring = group.ring(worker);
  const auto visit = [&](const Frame& frame) {
    ++tally.packets;
    tally.bytes += frame.data.size();
    tally.wire_bytes += frame.wire_bytes;
    if (frame.data.size() < frame.wire_bytes) ++tally.cut;
    tally.worst_delay = std::max(tally.worst_delay, weir::wall_clock_now() - frame.time);
    ++tally.interfaces[group.interface_name(frame.interface_id)];
    char type[8];
    std::snprintf(type, sizeof type, "0x%04x", frame.ether_type);
    ++tally.ether_types[type];
    const auto flow = flow_of(frame.data, frame.ether_type);
    if (!flow.empty()) ++tally.flows[flow];
    if (!frame.data.empty() && frame.ether_type == 0x0800 && frame.data[0] >> 4 == 4) ++tally.ipv4;
    if (trace)
      std::cerr << group.interface_name(frame.interface_id) << ' ' << type << ' ' << flow << ' '
                << frame.data.size() << '\n';
    if (slow_us > 0) usleep(static_cast<useconds_t>(slow_us));
  };
  while (ring.poll(std::chrono::seconds(1), visit) != weir::CaptureRing::Event::kStopped) {
  }
  tally.statistics = ring.statistics();
}

}  // namespace

int main(int argc, char** argv) {
  weir::CaptureOptions options;
  options.workers = 1;
  int slow_us = 0, option = 0;
  bool trace = false;
  while ((option = getopt(argc, argv, "w:i:f:pm:s:t")) != -1) {
    if (option == 'w') options.workers = static_cast<unsigned>(std::atoi(optarg));
    if (option == 'i') options.interfaces.emplace_back(optarg);
    if (option == 'f') options.filter = optarg;
    if (option == 'p') options.promiscuous = true;
    if (option == 'm') options.ring_bytes = static_cast<std::size_t>(std::atoi(optarg)) << 20;
    if (option == 's') slow_us = std::atoi(optarg);
    if (option == 't') trace = true;
  }
  if (optind != argc) return 2;
  auto group = weir::CaptureGroup::open(options);
  if (!group) {
    std::cerr << "capture_probe: " << group.error().text() << '\n';
    return 1;
  }
  if (!(*group)->warning().empty()) std::cerr << (*group)->warning() << '\n';
  std::vector<Tally> tallies((*group)->workers());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < tallies.size(); ++i) {
    threads.emplace_back([&, i] { work(**group, i, slow_us, trace, tallies[i]); });
  }
  std::cout << "ready" << std::endl;
  const auto started_cpu = cpu_microseconds();
  nlohmann::json began = nlohmann::json::array(), ended = nlohmann::json::array();
  std::array<pollfd, 2> ready{{{(*group)->fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
  while (::poll(ready.data(), ready.size(), -1) >= 0 && ready[1].revents == 0) {
    const auto changes = (*group)->on_readable();
    if (!changes) {
      std::cerr << "capture_probe: " << changes.error().text() << '\n';
      continue;
    }
    for (const auto& name : changes->began) {
      began.push_back(name);
      std::cout << "began " << name << std::endl;
    }
    for (const auto& name : changes->ended) {
      ended.push_back(name);
      std::cout << "ended " << name << std::endl;
    }
  }
  const auto cpu = cpu_microseconds() - started_cpu;
  (*group)->stop();
  for (auto& thread : threads) thread.join();
  nlohmann::json workers = nlohmann::json::array();
  for (const auto& tally : tallies) {
    workers.push_back({{"packets", tally.packets},
                       {"bytes", tally.bytes},
                       {"wire_bytes", tally.wire_bytes},
                       {"ipv4", tally.ipv4},
                       {"cut", tally.cut},
                       {"worst_delay_ns", tally.worst_delay},
                       {"interfaces", tally.interfaces},
                       {"ether_types", tally.ether_types},
                       {"flows", tally.flows},
                       {"kernel_packets", tally.statistics.packets},
                       {"kernel_drops", tally.statistics.drops}});
  }
  std::cout << nlohmann::json{{"workers", workers},
                              {"cpu_us", cpu},
                              {"began", began},
                              {"ended", ended}}
            << std::endl;
  return 0;
}
