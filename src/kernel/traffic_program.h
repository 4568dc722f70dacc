// TrafficProgram: the kernel programs that count what crosses interfaces (bpf/interfaces.bpf.c),
// and their counters. Attaching them is for TcAttachment. add() and remove() are for one thread;
// read() is for any, of interfaces that are not being removed meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "abi/traffic_slot.h"
#include "base/result.h"
#include "kernel/mapped_array.h"
#include "record/interface_sample.h"

struct interfaces_bpf;

namespace weir {

class TrafficProgram {
 public:
  static constexpr std::uint32_t kMinPlaces = 1024;
  static constexpr std::uint32_t kMaxPlaces = 65536;

  // With room for four times as many interfaces as there are, within the limits above. Needs BTF,
  // CAP_BPF, CAP_NET_ADMIN (programs of the TC hook) and CAP_PERFMON (reading packets' structures).
  static Result<std::unique_ptr<TrafficProgram>> load(std::size_t interfaces_now);
  ~TrafficProgram();
  TrafficProgram(const TrafficProgram&) = delete;
  TrafficProgram& operator=(const TrafficProgram&) = delete;

  int fd(traffic_direction direction) const;

  // Makes room for an interface's counters, all 0. To be called before a program is attached to it.
  // Fails where all places are taken.
  // `ethernet`: its frames begin with an Ethernet header.
  Result<> add(std::uint32_t ifindex, bool ethernet = true);
  // Gives the room back. To be called after the programs are detached.
  void remove(std::uint32_t ifindex);
  // All 0 for an interface that was not added.
  TrafficCounts read(std::uint32_t ifindex, traffic_direction direction) const;

 private:
  struct Unload {
    void operator()(interfaces_bpf* skeleton) const;
  };

  TrafficProgram() = default;
  std::uint32_t home(std::uint32_t ifindex) const { return ifindex & (places_ - 1); }
  traffic_slot& slot(std::uint32_t processor, std::uint32_t place, std::uint32_t direction) const;
  void begin(std::uint32_t place, std::uint32_t ifindex, bool ethernet) const;

  std::unique_ptr<interfaces_bpf, Unload> skeleton_;
  MappedArray<traffic_slot> slots_;
  std::uint32_t processors_ = 0, places_ = 0;
  std::map<std::uint32_t, std::uint32_t> place_of_;  // by interface index
  std::set<std::uint32_t> taken_;
};

}  // namespace weir
