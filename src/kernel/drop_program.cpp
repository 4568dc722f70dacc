#include "kernel/drop_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "drops.skel.h"
#include "kernel/drop_reasons.h"
#include "kernel/load_error.h"

namespace weir {
namespace {

constexpr const char* kLoad = "load the program that sees drops";
constexpr const char* kAttach = "attach the program that sees drops";
constexpr const char* kRead = "read drops";
constexpr std::initializer_list<Capability> kCapabilities{Capability::kBpf, Capability::kPerfmon};
constexpr std::uint32_t kBatch = 1024;
// Freed after use: the kernel tells of them where it does not know better.
constexpr std::string_view kConsumed[] = {"NOT_DROPPED_YET", "CONSUMED"};

static_assert(sizeof(drop_key) == 64 && sizeof(drop_count) == 56 && sizeof(drop_rest) % 8 == 0);

void add(drop_rest& sum, const drop_rest& one) {
  sum.packets += one.packets;
  sum.bytes += one.bytes;
}

void add(drop_count& sum, const drop_count& one) {
  if (one.packets == 0) return;
  if (sum.packets == 0) {
    sum = one;
    return;
  }
  sum.packets += one.packets;
  sum.bytes += one.bytes;
  sum.first = std::min(sum.first, one.first);
  if (one.last > sum.last && one.cookie != 0) sum.cookie = one.cookie;
  sum.last = std::max(sum.last, one.last);
  if (sum.interface[0] == 0) std::memcpy(sum.interface, one.interface, sizeof sum.interface);
}

// Empties the table; a value is one of each processor's.
template <class Value, class Visit>
Result<> drain(int map, std::size_t processors, const Visit& visit) {
  std::uint32_t room = kBatch, token = 0;
  std::vector<drop_key> keys;
  std::vector<Value> values;
  for (bool first = true;;) {
    keys.resize(room);
    values.resize(room * processors);
    std::uint32_t count = room, next = 0;
    const int status = bpf_map_lookup_and_delete_batch(map, first ? nullptr : &token, &next,
                                                       keys.data(), values.data(), &count, nullptr);
    if (status == -ENOSPC && room < 64 * kBatch) {  // a bucket of the table is longer
      room *= 2;
      continue;
    }
    if (status < 0 && status != -ENOENT) return system_failure(kRead, -status);
    for (std::size_t i = 0; i < count; ++i) {
      Value sum{};
      for (std::size_t p = 0; p < processors; ++p) add(sum, values[i * processors + p]);
      if (sum.packets > 0) visit(keys[i], sum);
    }
    if (status == -ENOENT) return {};
    token = next;
    first = false;
  }
}

}  // namespace

void DropProgram::Unload::operator()(drops_bpf* skeleton) const { drops_bpf__destroy(skeleton); }
void DropProgram::Detach::operator()(bpf_link* link) const { bpf_link__destroy(link); }

DropProgram::~DropProgram() = default;

Result<std::unique_ptr<DropProgram>> DropProgram::load(const DropProgramOptions& options) {
  auto reasons = DropReasons::read();
  if (!reasons) return tl::unexpected(reasons.error());
  const LibbpfLog log;
  std::unique_ptr<DropProgram> program(new DropProgram);
  program->skeleton_.reset(drops_bpf__open());
  if (!program->skeleton_) return load_error(kLoad, errno, kCapabilities, log);
  drops_bpf& skeleton = *program->skeleton_;
  for (const auto& [number, name] : reasons->names) {
    if (number >= DROP_REASONS) continue;
    std::uint8_t verdict = DROP_TOLD;
    if (std::find(options.noise.begin(), options.noise.end(), name) != options.noise.end()) {
      verdict = DROP_NOISE;
    }
    if (std::find(std::begin(kConsumed), std::end(kConsumed), name) != std::end(kConsumed)) {
      verdict = DROP_CONSUMED;
    }
    skeleton.rodata->verdicts[number] = verdict;
  }
  skeleton.rodata->has_receiver = reasons->has_receiver ? 1 : 0;
  skeleton.rodata->event_spacing_ns = options.event_spacing_ns.value_or(~std::uint64_t{0});
  skeleton.rodata->wake_bytes = options.event_bytes / 4;
  bpf_map__set_max_entries(skeleton.maps.drops_a, options.flows);
  bpf_map__set_max_entries(skeleton.maps.drops_b, options.flows);
  bpf_map__set_max_entries(skeleton.maps.events, options.event_bytes);
  if (const int status = drops_bpf__load(&skeleton); status != 0) {
    return load_error(kLoad, -status, kCapabilities, log);
  }
  program->reasons_ = std::move(reasons->names);
  program->processors_ = static_cast<std::size_t>(std::max(1, libbpf_num_possible_cpus()));
  // Without them a drop still has its reason.
  if (auto symbols = KernelSymbols::read()) program->symbols_ = std::move(*symbols);
  if (auto attached = program->attach(); !attached) return tl::unexpected(attached.error());
  return program;
}

Result<> DropProgram::attach() {
  visit_ = std::make_unique<Event>();
  auto events =
      RingBuffer::open(bpf_map__fd(skeleton_->maps.events), [visit = visit_.get()](Bytes bytes) {
        drop_event event;
        if (bytes.size() < sizeof event) return;
        std::memcpy(&event, bytes.data(), sizeof event);
        (*visit)(event);
      });
  if (!events) return tl::unexpected(events.error());
  events_.emplace(std::move(*events));
  link_.reset(bpf_program__attach(skeleton_->progs.weir_drop));
  if (!link_) return system_failure(kAttach);
  return {};
}

Result<> DropProgram::exchange() {
  const auto& maps = skeleton_->maps;
  const std::uint32_t only = 0;
  const int drops = bpf_map__fd(second_ ? maps.drops_a : maps.drops_b);
  const int rest = bpf_map__fd(second_ ? maps.rest_a : maps.rest_b);
  // The kernel returns from the update of such a map when no program uses what stood there.
  if (bpf_map_update_elem(bpf_map__fd(maps.drops), &only, &drops, BPF_ANY) != 0 ||
      bpf_map_update_elem(bpf_map__fd(maps.rest), &only, &rest, BPF_ANY) != 0) {
    return system_failure(kRead);
  }
  ++skeleton_->data->exchanges;
  second_ = !second_;
  return {};
}

Result<> DropProgram::take(const Flow& flow, const Rest& rest) {
  const auto& maps = skeleton_->maps;
  const int flows_read = bpf_map__fd(second_ ? maps.drops_b : maps.drops_a);
  const int rest_read = bpf_map__fd(second_ ? maps.rest_b : maps.rest_a);
  if (auto exchanged = exchange(); !exchanged) return exchanged;
  if (auto read = drain<drop_count>(flows_read, processors_, flow); !read) return read;
  return drain<drop_rest>(rest_read, processors_, rest);
}

std::uint64_t DropProgram::take_events(const Event& visit) {
  *visit_ = visit;
  return events_->consume();
}

std::array<std::uint64_t, DROP_TOTALS> DropProgram::totals() const {
  struct PerProcessor {
    std::uint64_t counts[DROP_TOTALS], next_event, full;
  };
  std::vector<PerProcessor> all(processors_);
  std::array<std::uint64_t, DROP_TOTALS> sums{};
  const std::uint32_t only = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.totals), &only, all.data()) != 0) return sums;
  for (const PerProcessor& one : all) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += one.counts[i];
  }
  return sums;
}

std::uint64_t DropProgram::missed() const {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  const int fd = bpf_program__fd(skeleton_->progs.weir_drop);
  return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 ? info.recursion_misses : 0;
}

std::string DropProgram::subsystem_reason(std::uint32_t reason) const {
  drop_reason_query query{};
  query.reason = reason;
  // The kernel writes the answer where it read the question.
  LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &query, .ctx_size_in = sizeof query);
  const int fd = bpf_program__fd(skeleton_->progs.weir_drop_reason_text);
  if (bpf_prog_test_run_opts(fd, &options) == 0 && query.status > 1) {
    return {query.text, strnlen(query.text, sizeof query.text)};
  }
  return fmt::format("REASON_{}_{}", reason >> 16, reason & 0xffff);
}

std::string_view DropProgram::reason_name(std::uint32_t reason) {
  const auto found = reasons_.find(reason);
  if (found != reasons_.end()) return found->second;
  return reasons_.emplace(reason, subsystem_reason(reason)).first->second;
}

std::string_view DropProgram::function_name(std::uint64_t location) {
  const std::string_view name = symbols_.function_at(location - 1);  // a return address
  if (!name.empty()) return name;
  const auto [place, added] = places_.try_emplace(location);
  if (added) place->second = fmt::format("{:#x}", location);
  return place->second;
}

}  // namespace weir
