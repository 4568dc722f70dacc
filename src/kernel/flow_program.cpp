#include "kernel/flow_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <vector>

#include "flows.skel.h"
#include "kernel/load_error.h"

namespace weir {
namespace {

constexpr const char* kLoad = "load the programs that count flows";
constexpr std::initializer_list<Capability> kCapabilities{Capability::kBpf, Capability::kNetAdmin};
constexpr std::uint32_t kLeaverBytes = 4 << 20;  // 58 000 flows between two calls

static_assert(sizeof(flow_slot) == 64 && sizeof(flow_key) == 40, "a cache line each");

// A slot as it is; false where it is empty, or another flow took it meanwhile.
bool copy_whole(flow_slot& from, flow_slot& to) {
  std::atomic_ref<std::uint32_t> owner(from.ifindex);
  const std::uint32_t before = owner.load(std::memory_order_acquire);
  if (before == 0) return false;
  std::memcpy(&to, &from, sizeof to);
  std::atomic_thread_fence(std::memory_order_acquire);
  return to.ifindex == before && owner.load(std::memory_order_relaxed) == before &&
         std::memcmp(&to.key, &from.key, sizeof to.key) == 0;
}

}  // namespace

void FlowProgram::Unload::operator()(flows_bpf* skeleton) const { flows_bpf__destroy(skeleton); }

FlowProgram::~FlowProgram() = default;

Result<std::unique_ptr<FlowProgram>> FlowProgram::load(std::uint32_t max_flows) {
  const LibbpfLog log;
  std::unique_ptr<FlowProgram> program(new FlowProgram);
  program->skeleton_.reset(flows_bpf__open());
  if (!program->skeleton_) return load_error(kLoad, errno, kCapabilities, log);
  flows_bpf& skeleton = *program->skeleton_;
  const std::uint32_t slots = 2 * std::bit_ceil(std::clamp(max_flows, kMinFlows, kMaxFlows));
  const std::uint32_t buckets = slots / FLOW_WAYS;
  const auto processors = static_cast<std::uint32_t>(std::max(1, libbpf_num_possible_cpus()));
  // Nobody is to choose flows that share a bucket. Without entropy yet, an address is better than
  // nothing.
  if (getrandom(&skeleton.rodata->hash_seed, sizeof skeleton.rodata->hash_seed, GRND_NONBLOCK) <
      0) {
    skeleton.rodata->hash_seed = reinterpret_cast<std::uintptr_t>(program.get());
  }
  skeleton.rodata->buckets = buckets;
  bpf_map__set_max_entries(skeleton.maps.flows, processors * buckets);
  bpf_map__set_max_entries(skeleton.maps.leaving, kLeaverBytes);
  if (const int status = flows_bpf__load(&skeleton); status != 0) {
    return load_error(kLoad, -status, kCapabilities, log);
  }
  auto mapped = MappedArray<flow_slot>::map(bpf_map__fd(skeleton.maps.flows),
                                            std::size_t{processors} * slots, "map the flow table");
  if (!mapped) return tl::unexpected(mapped.error());
  program->slots_ = std::move(*mapped);
  program->visit_ = std::make_unique<Visit>();
  auto leavers = RingBuffer::open(bpf_map__fd(skeleton.maps.leaving),
                                  [visit = program->visit_.get()](Bytes bytes) {
                                    flow_slot slot;
                                    if (bytes.size() < sizeof slot) return;
                                    std::memcpy(&slot, bytes.data(), sizeof slot);
                                    (*visit)(slot);
                                  });
  if (!leavers) return tl::unexpected(leavers.error());
  program->leavers_.emplace(std::move(*leavers));
  return program;
}

int FlowProgram::fd(traffic_direction direction) const {
  return bpf_program__fd(direction == TRAFFIC_INGRESS ? skeleton_->progs.weir_flow_in
                                                      : skeleton_->progs.weir_flow_out);
}

std::uint64_t FlowProgram::take_leavers(const Visit& visit) {
  *visit_ = visit;
  return leavers_->consume();
}

void FlowProgram::read(const Visit& visit) const {
  flow_slot copy;
  for (flow_slot& slot : slots_.elements()) {
    if (copy_whole(slot, copy)) visit(copy);
  }
}

flow_lost FlowProgram::lost() const {
  const auto processors = static_cast<std::size_t>(std::max(1, libbpf_num_possible_cpus()));
  std::vector<flow_lost> counts(processors);
  const std::uint32_t zero = 0;
  flow_lost sum{};
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.lost), &zero, counts.data()) != 0) return sum;
  for (const flow_lost& one : counts) {
    sum.flows += one.flows;
    sum.packets += one.packets;
    sum.bytes += one.bytes;
  }
  return sum;
}

}  // namespace weir
