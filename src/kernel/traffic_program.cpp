#include "kernel/traffic_program.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>

#include "interfaces.skel.h"
#include "kernel/hash_map.h"
#include "kernel/load_error.h"

namespace weir {
namespace {

constexpr const char* kLoad = "load the programs that count traffic";
constexpr std::initializer_list<Capability> kCapabilities{Capability::kBpf, Capability::kNetAdmin,
                                                          Capability::kPerfmon};

static_assert(sizeof(traffic_slot) == 64, "a cache line each");

// The kernel's programs write it meanwhile.
std::uint64_t current(__u64& counter) {
  return std::atomic_ref(counter).load(std::memory_order_relaxed);
}

}  // namespace

void TrafficProgram::Unload::operator()(interfaces_bpf* skeleton) const {
  interfaces_bpf__destroy(skeleton);
}

TrafficProgram::~TrafficProgram() = default;

Result<std::unique_ptr<TrafficProgram>> TrafficProgram::load(std::size_t interfaces_now) {
  const LibbpfLog log;
  std::unique_ptr<TrafficProgram> program(new TrafficProgram);
  program->skeleton_.reset(interfaces_bpf__open());
  if (!program->skeleton_) return load_error(kLoad, errno, kCapabilities, log);
  interfaces_bpf& skeleton = *program->skeleton_;
  const auto wanted = std::clamp<std::size_t>(4 * interfaces_now, kMinPlaces, kMaxPlaces);
  program->places_ = static_cast<std::uint32_t>(std::bit_ceil(wanted));
  program->processors_ = static_cast<std::uint32_t>(std::max(1, libbpf_num_possible_cpus()));
  const std::uint32_t slots = program->processors_ * program->places_ * TRAFFIC_DIRECTIONS;
  skeleton.rodata->places = program->places_;
  bpf_map__set_max_entries(skeleton.maps.traffic, slots);
  bpf_map__set_max_entries(skeleton.maps.displaced, program->places_);
  if (const int status = interfaces_bpf__load(&skeleton); status != 0) {
    return load_error(kLoad, -status, kCapabilities, log);
  }
  auto mapped = MappedArray<traffic_slot>::map(bpf_map__fd(skeleton.maps.traffic), slots,
                                               "map the counters of traffic");
  if (!mapped) return tl::unexpected(mapped.error());
  program->slots_ = std::move(*mapped);
  return program;
}

int TrafficProgram::fd(traffic_direction direction) const {
  return bpf_program__fd(direction == TRAFFIC_INGRESS ? skeleton_->progs.weir_ingress
                                                      : skeleton_->progs.weir_egress);
}

traffic_slot& TrafficProgram::slot(std::uint32_t processor, std::uint32_t place,
                                   std::uint32_t direction) const {
  return slots_.elements()[(processor * places_ + place) * TRAFFIC_DIRECTIONS + direction];
}

void TrafficProgram::begin(std::uint32_t place, std::uint32_t ifindex, bool ethernet) const {
  for (std::uint32_t processor = 0; processor < processors_; ++processor) {
    for (std::uint32_t direction = 0; direction < TRAFFIC_DIRECTIONS; ++direction) {
      traffic_slot& one = slot(processor, place, direction);
      one = {};
      one.ethernet = ethernet ? 1 : 0;
      one.ifindex = ifindex;
    }
  }
}

Result<> TrafficProgram::add(std::uint32_t ifindex, bool ethernet) {
  if (place_of_.contains(ifindex)) return {};
  std::uint32_t place = home(ifindex);
  if (taken_.contains(place)) {
    // The first that is free; `taken_` is sorted.
    place = 0;
    for (const std::uint32_t other : taken_) {
      if (other != place) break;
      ++place;
    }
    if (place == places_) {
      return failure(fmt::format("no room for more than {} interfaces at once", places_));
    }
    const HashMap<std::uint32_t, std::uint32_t> displaced(bpf_map__fd(skeleton_->maps.displaced));
    if (auto set = displaced.set(ifindex, place, "tell where an interface is counted"); !set) {
      return set;
    }
  }
  begin(place, ifindex, ethernet);
  taken_.insert(place);
  place_of_[ifindex] = place;
  return {};
}

void TrafficProgram::remove(std::uint32_t ifindex) {
  const auto found = place_of_.find(ifindex);
  if (found == place_of_.end()) return;
  const std::uint32_t place = found->second;
  if (place != home(ifindex)) {
    HashMap<std::uint32_t, std::uint32_t>(bpf_map__fd(skeleton_->maps.displaced)).erase(ifindex);
  }
  begin(place, 0, false);
  taken_.erase(place);
  place_of_.erase(found);
}

TrafficCounts TrafficProgram::read(std::uint32_t ifindex, traffic_direction direction) const {
  TrafficCounts sum;
  const auto found = place_of_.find(ifindex);
  if (found == place_of_.end()) return sum;
  for (std::uint32_t processor = 0; processor < processors_; ++processor) {
    traffic_slot& one = slot(processor, found->second, direction);
    const std::uint64_t frames = current(one.frames), bytes = current(one.bytes);
    sum.frames += frames;
    sum.bytes += bytes;
    sum.wire_packets += frames + current(one.more_packets);
    sum.wire_bytes += bytes + current(one.more_bytes);
  }
  return sum;
}

}  // namespace weir
