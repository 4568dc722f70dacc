#include "kernel/flow_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include "flows.skel.h"
#include "kernel/load_error.h"

namespace weir {
namespace {

constexpr const char* kLoad = "load the programs that count flows";
constexpr std::initializer_list<Capability> kCapabilities{Capability::kBpf, Capability::kNetAdmin,
                                                          Capability::kPerfmon};
constexpr std::uint32_t kLeaverBytes = 4 << 20;  // some 43 000 flows
constexpr std::uint32_t kRestEntries = 2048;     // of interfaces, directions, types and reasons

static_assert(sizeof(flow_slot) == 64 && sizeof(flow_key) == 40, "a cache line each");

// Calls `visit` for every key of a hash map.
template <class Key, class Visit>
void for_each_key(int map_fd, const Visit& visit) {
  Key key, next;
  const Key* before = nullptr;
  while (bpf_map_get_next_key(map_fd, before, &next) == 0) {
    key = next;
    before = &key;
    visit(key);
  }
}

}  // namespace

void FlowProgram::Unload::operator()(flows_bpf* skeleton) const { flows_bpf__destroy(skeleton); }

FlowProgram::~FlowProgram() = default;

Result<std::unique_ptr<FlowProgram>> FlowProgram::load(const FlowProgramOptions& options) {
  std::unique_ptr<FlowProgram> program(new FlowProgram);
  program->processors_ = static_cast<std::size_t>(std::max(1, libbpf_num_possible_cpus()));
  if (auto loaded = program->load_maps(options); !loaded) return tl::unexpected(loaded.error());
  if (auto opened = program->open_maps(); !opened) return tl::unexpected(opened.error());
  return program;
}

Result<> FlowProgram::load_maps(const FlowProgramOptions& options) {
  const LibbpfLog log;
  skeleton_.reset(flows_bpf__open());
  if (!skeleton_) return load_error(kLoad, errno, kCapabilities, log);
  flows_bpf& skeleton = *skeleton_;
  const std::uint32_t flows =
      std::bit_ceil(std::clamp(options.flows_per_processor, kMinFlows, kMaxFlows));
  const std::uint32_t buckets = 2 * flows / FLOW_WAYS;
  const auto all_buckets = static_cast<std::uint32_t>(processors_) * buckets;
  bpf_map__set_max_entries(skeleton.maps.flows, all_buckets);
  bpf_map__set_max_entries(skeleton.maps.flows_more, all_buckets);
  bpf_map__set_max_entries(skeleton.maps.leaving, kLeaverBytes);
  bpf_map__set_max_entries(skeleton.maps.rest, kRestEntries);
  bpf_map__set_max_entries(skeleton.maps.queue_pairs, std::max(1U, options.queue_pairs));
  auto& settings = *skeleton.rodata;
  settings.buckets = buckets;
  settings.wake_bytes = kLeaverBytes / 4;
  // Nobody is to choose flows that share a bucket. Without entropy yet, an address is better than
  // nothing.
  if (getrandom(&settings.hash_seed, sizeof settings.hash_seed, GRND_NONBLOCK) < 0) {
    settings.hash_seed = reinterpret_cast<std::uintptr_t>(this);
  }
  settings.wanted_types = options.wanted_types;
  settings.exclude_dns_ports = options.exclude_dns_ports ? 1 : 0;
  const std::size_t addresses =
      std::min(options.excluded_addresses.size(), std::size(settings.excluded_addresses));
  for (std::size_t i = 0; i < addresses; ++i) {
    settings.excluded_addresses[i] = options.excluded_addresses[i];
  }
  settings.fold_from = options.fold_from;
  const int status = flows_bpf__load(&skeleton);
  if (status != 0) return load_error(kLoad, -status, kCapabilities, log);
  return {};
}

Result<> FlowProgram::open_maps() {
  const auto& maps = skeleton_->maps;
  const std::size_t slots = std::size_t{bpf_map__max_entries(maps.flows)} * FLOW_WAYS;
  auto mapped = MappedArray<flow_slot>::map(bpf_map__fd(maps.flows), slots, "map the flow table");
  if (!mapped) return tl::unexpected(mapped.error());
  slots_ = std::move(*mapped);
  auto more =
      MappedArray<flow_more>::map(bpf_map__fd(maps.flows_more), slots, "map the flow table");
  if (!more) return tl::unexpected(more.error());
  more_ = std::move(*more);
  for (const __u8 reason : {FLOW_REST_FULL, FLOW_REST_FILTERED}) {
    const flow_rest_key key{.ifindex = 0, .kind = 0, .reason = reason, .reserved = 0};
    const std::vector<flow_rest> none(processors_);
    if (bpf_map_update_elem(bpf_map__fd(maps.rest), &key, none.data(), BPF_ANY) != 0) {
      return system_failure("prepare the counters of what is in no flow");
    }
  }
  visit_ = std::make_unique<Leaver>();
  auto leavers = RingBuffer::open(bpf_map__fd(maps.leaving), [visit = visit_.get()](Bytes bytes) {
    flow_leaver leaver;
    if (bytes.size() < sizeof leaver) return;
    std::memcpy(&leaver, bytes.data(), sizeof leaver);
    (*visit)(leaver);
  });
  if (!leavers) return tl::unexpected(leavers.error());
  leavers_.emplace(std::move(*leavers));
  return {};
}

int FlowProgram::fd(traffic_direction direction, bool bare) const {
  const auto& programs = skeleton_->progs;
  if (direction == TRAFFIC_INGRESS) {
    return bpf_program__fd(bare ? programs.weir_flow_in_bare : programs.weir_flow_in);
  }
  return bpf_program__fd(bare ? programs.weir_flow_out_bare : programs.weir_flow_out);
}

int FlowProgram::xdp_fd() const { return bpf_program__fd(skeleton_->progs.weir_flow_xdp); }

bool FlowProgram::read(std::size_t index, flow_slot& slot, flow_more& more) const {
  flow_slot& from = slots_.elements()[index];
  std::atomic_ref<std::uint32_t> owner(from.ifindex);
  const std::uint32_t before = owner.load(std::memory_order_acquire);
  if (before == 0) return false;
  // The key before the counts, and the key again: what lies between is of one flow.
  std::memcpy(&slot.key, &from.key, sizeof slot.key);
  std::atomic_thread_fence(std::memory_order_acquire);
  slot.ifindex = before;
  slot.last_seen = from.last_seen;
  slot.packets = std::atomic_ref(from.packets).load(std::memory_order_relaxed);
  slot.bytes = std::atomic_ref(from.bytes).load(std::memory_order_relaxed);
  flow_more& beyond = more_.elements()[index];
  more.packets = std::atomic_ref(beyond.packets).load(std::memory_order_relaxed);
  more.bytes = std::atomic_ref(beyond.bytes).load(std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_acquire);
  return owner.load(std::memory_order_relaxed) == before &&
         std::memcmp(&slot.key, &from.key, sizeof slot.key) == 0;
}

std::uint64_t FlowProgram::take_leavers(const Leaver& visit) {
  *visit_ = visit;
  return leavers_->consume();
}

void FlowProgram::read_rest(
    const std::function<void(const flow_rest_key&, const flow_rest&)>& visit) const {
  const int map = bpf_map__fd(skeleton_->maps.rest);
  std::vector<flow_rest> counts(processors_);
  for_each_key<flow_rest_key>(map, [&](const flow_rest_key& key) {
    if (bpf_map_lookup_elem(map, &key, counts.data()) != 0) return;
    flow_rest sum{};
    for (const flow_rest& one : counts) {
      sum.packets += one.packets;
      sum.bytes += one.bytes;
      sum.more.packets += one.more.packets;
      sum.more.bytes += one.more.bytes;
    }
    visit(key, sum);
  });
}

void FlowProgram::forget_rest(std::uint32_t ifindex) const {
  const int map = bpf_map__fd(skeleton_->maps.rest);
  std::vector<flow_rest_key> gone;
  for_each_key<flow_rest_key>(map, [&](const flow_rest_key& key) {
    if (key.ifindex == ifindex) gone.push_back(key);
  });
  for (const flow_rest_key& key : gone) bpf_map_delete_elem(map, &key);
}

void FlowProgram::read_queue_pairs(
    const std::function<void(const queue_pair_key&, const queue_pair&)>& visit) const {
  const int map = bpf_map__fd(skeleton_->maps.queue_pairs);
  queue_pair pair;
  for_each_key<queue_pair_key>(map, [&](const queue_pair_key& key) {
    if (bpf_map_lookup_elem(map, &key, &pair) == 0) visit(key, pair);
  });
}

void FlowProgram::forget(const queue_pair_key& key) const {
  bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.queue_pairs), &key);
}

std::uint64_t FlowProgram::queue_pairs_full() const {
  std::vector<std::uint64_t> counts(processors_);
  const std::uint32_t zero = 0;
  const int map = bpf_map__fd(skeleton_->maps.queue_pairs_full);
  if (bpf_map_lookup_elem(map, &zero, counts.data()) != 0) return 0;
  std::uint64_t sum = 0;
  for (const std::uint64_t one : counts) sum += one;
  return sum;
}

}  // namespace weir
