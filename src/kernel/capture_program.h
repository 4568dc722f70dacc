// CaptureProgram: the kernel side of capture (bpf/requests.bpf.c): the program that spreads packets
// over workers, by the innermost addresses and ports, both directions of a connection to one; and
// the filter of every packet socket, which knows the interfaces, the user's expression and the
// copy verdicts. Made and changed by one thread; filtered() and verdicts() are for all.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "abi/copy_verdict.h"
#include "base/result.h"
#include "kernel/mapped_array.h"

struct requests_bpf;

namespace weir {

// Packets that never came to a ring, since loading.
struct FilteredPackets {
  std::uint64_t expression = 0, opaque = 0;
  // And of those that came without what nobody needs:
  std::uint64_t shortened = 0, spared_bytes = 0;
};

class CaptureProgram {
 public:
  // Classic BPF for frames that begin with an Ethernet header, and for those that begin with IP.
  struct Expression {
    std::vector<sock_filter> ethernet, network_layer;
  };
  struct Settings {
    bool choose_interfaces = false;  // only those of add_interface(); implied by an expression
    bool follow_tunnels = false;     // whether the reader of the packets looks into tunnels
    std::optional<Expression> expression;
  };

  // Needs Linux 5.5 and CAP_BPF. Sockets and groups keep what they use: after its end they go on as
  // they were.
  static Result<std::unique_ptr<CaptureProgram>> load(const Settings& settings);
  ~CaptureProgram();
  CaptureProgram(const CaptureProgram&) = delete;
  CaptureProgram& operator=(const CaptureProgram&) = delete;

  int steering() const;  // for PACKET_FANOUT_DATA
  int filter() const;    // for SO_ATTACH_BPF

  Result<> add_interface(std::uint32_t index, bool has_ethernet_header);
  void remove_interface(std::uint32_t index);

  FilteredPackets filtered() const;

  // COPY_VERDICT_SLOTS of them, and what their hashes are made with.
  std::span<copy_verdict> verdicts() const { return verdicts_.elements(); }
  std::uint64_t hash_seed() const { return hash_seed_; }

 private:
  struct Unload {
    void operator()(requests_bpf* skeleton) const;
  };

  CaptureProgram() = default;
  Result<> add_expression(const std::vector<sock_filter>& classic, std::uint32_t place);

  std::unique_ptr<requests_bpf, Unload> skeleton_;
  MappedArray<copy_verdict> verdicts_;
  std::uint64_t hash_seed_ = 0;
};

}  // namespace weir
