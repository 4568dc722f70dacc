#include "flow_designs.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <time.h>

#include <algorithm>
#include <array>

#include "flow_designs.skel.h"
#include "kernel/libbpf_log.h"

namespace weir {
namespace {

constexpr std::uint32_t kLoopback = 1;
constexpr std::uint32_t kFirstAddress = 0x0a000000;  // the flow's number is added

// As the programs have it.
struct Count {
  std::uint64_t packets, bytes, last_seen;
};

double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// UDP over IPv4, 64 bytes.
std::array<std::uint8_t, 64> made_frame() {
  std::array<std::uint8_t, 64> frame{};
  frame[12] = 0x08;
  frame[14] = 0x45;
  frame[17] = 50;  // of IP
  frame[22] = 64;
  frame[23] = 17;
  frame[30] = 10;  // to 10.0.0.1
  frame[33] = 1;
  frame[34] = 0x9c;  // from port 40000 to 9
  frame[35] = 0x40;
  frame[37] = 9;
  frame[39] = 30;  // of UDP
  return frame;
}

std::uint64_t packets_of(const std::vector<Count>& counts) {
  std::uint64_t sum = 0;
  for (const Count& count : counts) sum += count.packets;
  return sum;
}

}  // namespace

void FlowDesigns::Unload::operator()(flow_designs_bpf* skeleton) const {
  flow_designs_bpf__destroy(skeleton);
}

FlowDesigns::~FlowDesigns() = default;

std::uint32_t FlowDesigns::flow_of(const flow_key& key) {
  return ntohl(static_cast<std::uint32_t>(key.source[1] >> 32)) - kFirstAddress;
}

Result<std::unique_ptr<FlowDesigns>> FlowDesigns::load(std::uint32_t entries) {
  const LibbpfLog log;
  std::unique_ptr<FlowDesigns> designs(new FlowDesigns);
  designs->processors_ = static_cast<std::size_t>(std::max(1, libbpf_num_possible_cpus()));
  designs->skeleton_.reset(flow_designs_bpf__open());
  if (!designs->skeleton_) return system_failure("open the programs to compare with");
  flow_designs_bpf& skeleton = *designs->skeleton_;
  const std::size_t slots = designs->processors_ * entries;
  bpf_map__set_max_entries(skeleton.maps.percpu_flows, entries);
  bpf_map__set_max_entries(skeleton.maps.lru_flows, entries);
  bpf_map__set_max_entries(skeleton.maps.probed_flows, static_cast<std::uint32_t>(slots));
  skeleton.rodata->probed_slots = entries;
  skeleton.bss->first_address = kFirstAddress;
  if (flow_designs_bpf__load(&skeleton) != 0) {
    return system_failure("load the programs to compare with (root is needed)");
  }
  auto mapped = MappedArray<flow_slot>::map(bpf_map__fd(skeleton.maps.probed_flows), slots,
                                            "map a table to compare with");
  if (!mapped) return tl::unexpected(mapped.error());
  designs->probed_ = std::move(*mapped);
  return designs;
}

int FlowDesigns::parse_ipv4() const { return bpf_program__fd(skeleton_->progs.parse_ipv4); }

int FlowDesigns::parse_flow() const { return bpf_program__fd(skeleton_->progs.parse_flow); }

int FlowDesigns::program(Kind kind) const {
  const auto& programs = skeleton_->progs;
  switch (kind) {
    case Kind::kPercpuHash:
      return bpf_program__fd(programs.percpu_hash);
    case Kind::kLruHash:
      return bpf_program__fd(programs.lru_hash);
    case Kind::kLinearProbing:
      break;
  }
  return bpf_program__fd(programs.linear_probing);
}

RunTime FlowDesigns::run(int program_fd, FlowOrder order, std::uint32_t packets,
                         std::uint32_t at_a_time, const std::function<void()>& between) {
  const std::uint32_t first = 0;
  bpf_map_update_elem(bpf_map__fd(skeleton_->maps.measured), &first, &program_fd, BPF_ANY);
  skeleton_->bss->flow_shift = order.shift;
  skeleton_->bss->flow_mask = order.mask;
  const auto frame = made_frame();
  __sk_buff context{};
  context.ifindex = kLoopback;
  RunTime time;
  for (std::uint32_t done = 0; done < packets; done += at_a_time) {
    const std::uint32_t runs = std::min(at_a_time, packets - done);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(),
                .ctx_in = &context, .ctx_size_in = sizeof context,
                .repeat = static_cast<int>(runs));
    const double before = cpu_now();
    if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.next_packet), &options) != 0) {
      return {};
    }
    time.cpu_ns += (cpu_now() - before) / packets;
    time.timer_ns += static_cast<double>(options.duration) * runs / packets;
    between();
  }
  return time;
}

void FlowDesigns::foresee(FlowOrder order, std::uint32_t packets,
                          std::vector<std::uint64_t>& flows) const {
  std::uint32_t sequence = skeleton_->bss->sequence;
  for (std::uint32_t i = 0; i < packets; ++i) {
    sequence = sequence * 1664525U + 1013904223U;  // as the program has it
    ++flows[sequence >> order.shift & order.mask];
  }
}

void FlowDesigns::restart() { skeleton_->bss->sequence = 0; }

void FlowDesigns::read(Kind kind, const Counted& visit) const {
  if (kind == Kind::kLinearProbing) {
    for (const flow_slot& slot : probed_.elements()) {
      if (slot.ifindex != 0) visit(slot.key, slot.packets);
    }
    return;
  }
  const auto& maps = skeleton_->maps;
  const int map = bpf_map__fd(kind == Kind::kPercpuHash ? maps.percpu_flows : maps.lru_flows);
  std::vector<Count> counts(kind == Kind::kPercpuHash ? processors_ : 1);
  flow_key key, next;
  const flow_key* before = nullptr;
  while (bpf_map_get_next_key(map, before, &next) == 0) {
    key = next;
    before = &key;
    if (bpf_map_lookup_elem(map, &key, counts.data()) == 0) visit(key, packets_of(counts));
  }
}

}  // namespace weir
