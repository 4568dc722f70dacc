#include "lens/flows.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "base/log.h"
#include "lens/device_bytes.h"

namespace weir {
namespace {

constexpr Nanos kCheckInterval = 5 * kSecond;
constexpr std::uint16_t kFirstEphemeralPort = 32768;  // where the system does not say

bool is_bare(const Interface& interface) { return !has_ethernet_header(interface); }

std::uint16_t first_ephemeral_port() {
  std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
  std::uint16_t first = kFirstEphemeralPort;
  range >> first;
  return range ? first : kFirstEphemeralPort;
}

FlowProgramOptions program_options(const FlowsOptions& options) {
  FlowProgramOptions program;
  const auto processors = std::max(1U, static_cast<unsigned>(sysconf(_SC_NPROCESSORS_CONF)));
  // Most flows are seen on one processor. Of those on several, more leave their slots; none is
  // lost.
  program.flows_per_processor = static_cast<std::uint32_t>(
      std::min<std::size_t>(options.max_flows / processors, FlowProgram::kMaxFlows));
  program.queue_pairs = static_cast<std::uint32_t>(options.max_queue_pairs);
  if (!options.types.empty()) {
    program.wanted_types = 0;
    for (const TrafficType type : options.types) {
      program.wanted_types |= 1U << static_cast<unsigned>(type);
    }
  }
  program.exclude_dns_ports = options.exclude_dns_ports;
  for (const IpAddress& address : options.excluded_addresses) {
    std::uint32_t v4 = 0;
    std::memcpy(&v4, address.bytes.data() + 12, sizeof v4);
    program.excluded_addresses.push_back(v4);
  }
  if (options.fold_ports) program.fold_from = first_ephemeral_port();
  return program;
}

// The numbers are the same on both sides.
static_assert(static_cast<int>(TrafficType::kTcp) == FLOW_TYPE_TCP >> FLOW_TYPE_SHIFT &&
              static_cast<int>(TrafficType::kUdp) == FLOW_TYPE_UDP >> FLOW_TYPE_SHIFT &&
              static_cast<int>(TrafficType::kRoceV2) == FLOW_TYPE_ROCE_V2 >> FLOW_TYPE_SHIFT &&
              static_cast<int>(TrafficType::kRoceV1) == FLOW_TYPE_ROCE_V1 >> FLOW_TYPE_SHIFT &&
              static_cast<int>(TrafficType::kInfiniband) ==
                  FLOW_TYPE_INFINIBAND >> FLOW_TYPE_SHIFT &&
              static_cast<int>(FlowAddresses::kIpv4) == FLOW_ADDRESS_IPV4 >> FLOW_ADDRESS_SHIFT &&
              static_cast<int>(FlowAddresses::kIpv6) == FLOW_ADDRESS_IPV6 >> FLOW_ADDRESS_SHIFT &&
              static_cast<int>(FlowAddresses::kGid) == FLOW_ADDRESS_GID >> FLOW_ADDRESS_SHIFT);

TrafficType type_of(std::uint8_t kind) {
  return static_cast<TrafficType>((kind & FLOW_TYPE_MASK) >> FLOW_TYPE_SHIFT);
}
TrafficDirection direction_of(std::uint8_t kind) {
  return kind & FLOW_EGRESS ? TrafficDirection::kEgress : TrafficDirection::kIngress;
}
IpAddress address_of(const __u64 (&words)[2]) {
  IpAddress address;
  std::memcpy(address.bytes.data(), words, address.bytes.size());
  return address;
}

RoceCounts roce_counts(const queue_pair& pair) {
  RoceCounts counts;
  counts.packets = pair.packets;
  counts.bytes = pair.bytes;
  std::copy(std::begin(pair.operations), std::end(pair.operations), counts.operations.begin());
  counts.congestion_notifications = pair.congestion_notifications;
  counts.congestion_marked = pair.congestion_marked;
  counts.gaps = pair.gaps;
  counts.missing = pair.missing;
  counts.repeated = pair.repeated;
  counts.restarts = pair.restarts;
  counts.negative_acknowledges = pair.negative_acknowledges;
  counts.receiver_not_ready = pair.receiver_not_ready;
  return counts;
}

FlowTally tally_of(const flow_rest& rest) {
  return {rest.packets, rest.bytes, rest.more.packets, rest.more.bytes};
}

}  // namespace

bool Flows::PairOrder::operator()(const queue_pair_key& a, const queue_pair_key& b) const {
  return std::memcmp(&a, &b, sizeof a) < 0;
}

Flows::Flows(const FlowsOptions& options, std::unique_ptr<TcFollower> follower,
             std::unique_ptr<FlowProgram> program)
    : options_(options),
      counts_(options.max_flows, program->slot_count()),
      program_(std::move(program)),
      follower_(std::move(follower)) {
  last_tick_ = monotonic_now();
}

Flows::~Flows() = default;

Result<std::unique_ptr<Flows>> Flows::open(const FlowsOptions& options) {
  auto follower = TcFollower::open(options.follow);
  if (!follower) return tl::unexpected(follower.error());
  auto program = FlowProgram::load(program_options(options));
  if (!program) return tl::unexpected(program.error());
  std::unique_ptr<Flows> lens(new Flows(options, std::move(*follower), std::move(*program)));
  const Result<> started = lens->follower_->start(
      lens->program_->fd(TRAFFIC_INGRESS, false),
      {[&lens = *lens](const Interface& interface, traffic_direction direction) {
         return lens.program(interface, direction);
       },
       [&lens = *lens](const Interface& interface) { return lens.begin(interface); },
       [&lens = *lens](const Interface& interface) {
         lens.watched_.at(interface.index).interface = interface;
       },
       [&lens = *lens](std::uint32_t ifindex) { lens.end(ifindex); }});
  if (!started) return tl::unexpected(started.error());
  return lens;
}

Result<> Flows::begin(const Interface& interface) {
  if (watched_.contains(interface.index)) forget(interface.index);
  Watched& watched = watched_[interface.index];
  watched.interface = interface;
  if (options_.ingress) attach_xdp(watched);
  return {};
}

// Where it cannot be had, TC takes its place.
void Flows::attach_xdp(Watched& watched) {
  const Interface& interface = watched.interface;
  if (options_.attach == FlowAttach::kTc || is_bare(interface)) return;
  const bool hardware = interface.kind.empty() && !interface.is_loopback();
  if (options_.attach == FlowAttach::kAuto && !hardware) return;
  XdpMode mode = XdpMode::kNative;
  if (options_.attach == FlowAttach::kXdp) mode = XdpMode::kBest;
  if (options_.attach == FlowAttach::kXdpGeneric) mode = XdpMode::kGeneric;
  auto attached = XdpAttachment::attach(program_->xdp_fd(), interface.index, interface.name, mode);
  if (attached && !hardware && attached->mode() == XdpMode::kNative) {
    log_warning(
        interface.name +
        ": XDP in a virtual device slows bulk TCP down to a part; tc and xdp-generic do not");
  }
  if (attached) {
    watched.xdp.emplace(std::move(*attached));
  } else if (options_.attach == FlowAttach::kAuto) {
    log_info(interface.name + ": TC instead of XDP: " + attached.error().text());
  } else {
    log_warning(interface.name + ": TC instead of XDP: " + attached.error().text());
  }
}

int Flows::program(const Interface& interface, traffic_direction direction) const {
  if (direction == TRAFFIC_EGRESS) {
    return options_.egress ? program_->fd(direction, is_bare(interface)) : -1;
  }
  if (!options_.ingress || watched_.at(interface.index).xdp) return -1;
  return program_->fd(direction, is_bare(interface));
}

void Flows::end(std::uint32_t ifindex) {
  Watched& watched = watched_.at(ifindex);
  watched.xdp.reset();
  watched.gone = monotonic_now();  // its flows are yet to be told
}

void Flows::on_leavers() {
  const Nanos now = monotonic_now();
  program_->take_leavers([&](const flow_leaver& leaver) { counts_.leave(leaver, now); });
}

void Flows::read_flows(Nanos now) {
  on_leavers();
  flow_slot slot;
  flow_more more;
  const std::size_t slots = program_->slot_count();
  for (std::size_t index = 0; index < slots; ++index) {
    if (!program_->read(index, slot, more) || counts_.see(index, slot, more, now)) continue;
    // Another flow's by now. Where the event is not there yet, it is the next tick's.
    on_leavers();
    if (program_->read(index, slot, more)) counts_.see(index, slot, more, now);
  }
}

TrafficCounts Flows::counts_of(const FlowTally& tally, std::uint32_t ifindex, bool egress) const {
  const auto found = watched_.find(ifindex);
  const std::uint64_t uncounted =
      found == watched_.end() ? 0
                              : uncounted_header_bytes(found->second.interface,
                                                       egress ? TRAFFIC_EGRESS : TRAFFIC_INGRESS);
  return {tally.packets, tally.bytes - std::min(tally.bytes, tally.packets * uncounted),
          tally.packets + tally.more_packets, tally.bytes + tally.more_bytes};
}

FlowSample Flows::sample_of(const FlowCounts::Flow& flow, Nanos now) const {
  FlowSample sample;
  sample.time = now + clock_offset_;
  sample.interval_ns = now - last_tick_;
  sample.interface_index = flow.ifindex;
  if (const auto found = watched_.find(flow.ifindex); found != watched_.end()) {
    sample.interface = found->second.interface.name;
  }
  const flow_key& key = flow.key;
  const bool egress = (key.kind & FLOW_EGRESS) != 0;
  sample.direction = direction_of(key.kind);
  sample.type = type_of(key.kind);
  sample.addresses =
      static_cast<FlowAddresses>((key.kind & FLOW_ADDRESS_MASK) >> FLOW_ADDRESS_SHIFT);
  sample.source.address = address_of(key.source);
  sample.destination.address = address_of(key.destination);
  if (sample.addresses == FlowAddresses::kNone) {
    sample.ether_type = ntohs(key.destination_port);
  } else {
    sample.source.port = ntohs(key.source_port);
    sample.destination.port = ntohs(key.destination_port);
  }
  sample.protocol = key.protocol;
  if (key.vlan != 0) sample.vlan = static_cast<std::uint16_t>(key.vlan - 1);
  sample.total = counts_of(flow.total, flow.ifindex, egress);
  sample.in_interval = counts_of(flow.total - flow.told, flow.ifindex, egress);
  sample.first_seen =
      flow.first_seen_at != 0 ? flow.first_seen_at : flow.first_seen + clock_offset_;
  sample.last_seen = flow.last_seen + clock_offset_;
  return sample;
}

void Flows::tell_flows(RecordSink& sink, Nanos now) {
  for (const auto& [flow, name] : ended_) {
    FlowSample sample = sample_of(flow, now);
    sample.interface = name;
    sample.ended = true;
    sink.on(sample);
  }
  told_ended_.swap(ended_);  // the names stay valid
  ended_.clear();
  counts_.expire(now - options_.expiry, [&](const FlowCounts::Flow& flow) {
    FlowSample sample = sample_of(flow, now);
    sample.ended = true;
    sink.on(sample);
  });
  counts_.for_each([&](FlowCounts::Flow& flow) {
    if (flow.first_seen_at == 0) flow.first_seen_at = flow.first_seen + clock_offset_;
    sink.on(sample_of(flow, now));
    flow.told = flow.total;
  });
}

void Flows::tell_queue_pairs(RecordSink& sink, Nanos now) {
  std::vector<queue_pair_key> silent;
  program_->read_queue_pairs([&](const queue_pair_key& key, const queue_pair& pair) {
    Pair& known = queue_pairs_[key];
    const RoceCounts counts = roce_counts(pair);
    const RoceCounts added = counts - known.counts;
    if (known.last_seen == 0 || counts.packets != known.counts.packets) {
      roce_[{key.ifindex, (key.kind & FLOW_EGRESS) != 0}] += added;
      known.counts = counts;
      known.last_seen = now;
    } else if (now - known.last_seen >= options_.expiry) {
      silent.push_back(key);
      return;
    }
    QueuePairSample sample;
    sample.time = now + clock_offset_;
    sample.interface_index = key.ifindex;
    if (const auto found = watched_.find(key.ifindex); found != watched_.end()) {
      sample.interface = found->second.interface.name;
    }
    sample.direction = direction_of(key.kind);
    sample.type = type_of(key.kind);
    sample.source = address_of(key.source);
    sample.destination = address_of(key.destination);
    sample.queue_pair = key.queue_pair;
    sample.transports = static_cast<std::uint8_t>(pair.transports);
    sample.total = counts;
    sample.interval_ns = now - last_tick_;
    sample.in_interval = added;
    sample.last_seen = known.last_seen + clock_offset_;
    sink.on(sample);
  });
  for (const queue_pair_key& key : silent) {
    program_->forget(key);
    queue_pairs_.erase(key);
  }
}

// Another interface may have its index from now on.
void Flows::forget(std::uint32_t ifindex) {
  read_flows(monotonic_now());
  // What is still to be told of its flows, under its name.
  const std::string& name = watched_.at(ifindex).interface.name;
  counts_.forget(ifindex, [&](const FlowCounts::Flow& flow) { ended_.emplace_back(flow, name); });
  program_->read_rest([&](const flow_rest_key& key, const flow_rest& rest) {
    if (key.ifindex != ifindex) return;
    (key.reason == FLOW_REST_FILTERED ? gone_filtered_ : gone_full_) += rest.packets;
  });
  program_->forget_rest(ifindex);
  std::erase_if(queue_pairs_, [&](const auto& entry) {
    if (entry.first.ifindex != ifindex) return false;
    program_->forget(entry.first);
    return true;
  });
  roce_.erase({ifindex, false});
  roce_.erase({ifindex, true});
  watched_.erase(ifindex);
}

// An interface is known until nothing more of it can be told; its series end with it.
void Flows::forget_gone(Nanos now) {
  std::vector<std::uint32_t> gone;
  for (const auto& [ifindex, watched] : watched_) {
    if (watched.gone != 0 && now - watched.gone >= 2 * options_.expiry) gone.push_back(ifindex);
  }
  for (const std::uint32_t ifindex : gone) forget(ifindex);
}

void Flows::sum_up() {
  FlowTotals totals;
  std::map<FlowCounts::Kind, FlowTypeTotal> types;
  const auto type = [&](FlowCounts::Kind kind) -> FlowTypeTotal& {
    auto [found, added] = types.try_emplace(kind);
    FlowTypeTotal& total = found->second;
    if (!added) return total;
    const auto watched = watched_.find(kind.first);
    if (watched != watched_.end()) total.interface = watched->second.interface.name;
    total.direction = direction_of(kind.second);
    total.type = type_of(kind.second);
    return total;
  };
  std::map<FlowCounts::Kind, FlowTally> counted = counts_.by_kind();
  totals.beyond = counts_.beyond().packets;
  totals.kept = counts_.all().packets - totals.beyond;
  totals.full = gone_full_;
  totals.filtered = gone_filtered_;
  program_->read_rest([&](const flow_rest_key& key, const flow_rest& rest) {
    const FlowCounts::Kind kind{key.ifindex, key.kind};
    if (key.reason == FLOW_REST_FILTERED) {
      totals.filtered += rest.packets;
      type(kind).filtered = counts_of(tally_of(rest), key.ifindex, (key.kind & FLOW_EGRESS) != 0);
    } else {
      totals.full += rest.packets;
      counted[kind] += tally_of(rest);
    }
  });
  totals.seen = totals.kept + totals.filtered + totals.full + totals.beyond;
  for (const auto& [kind, tally] : counted) {
    type(kind).counted = counts_of(tally, kind.first, (kind.second & FLOW_EGRESS) != 0);
  }
  for (auto& [kind, total] : types) {
    const bool empty = total.counted.frames == 0 && total.filtered.frames == 0;
    if (!empty) totals.types.push_back(std::move(total));
  }
  for (const auto& [key, counts] : roce_) {
    const auto watched = watched_.find(key.first);
    totals.roce.push_back(
        {watched == watched_.end() ? std::string() : watched->second.interface.name,
         key.second ? TrafficDirection::kEgress : TrafficDirection::kIngress, counts});
  }
  totals.flows = counts_.size();
  totals.queue_pairs = queue_pairs_.size();
  totals.untracked_roce = program_->queue_pairs_full();
  const std::lock_guard lock(mutex_);
  totals_ = std::move(totals);
}

void Flows::tick(RecordSink& sink) {
  const Nanos now = monotonic_now();
  if (now >= next_check_) {
    follower_->check();
    next_check_ = now + kCheckInterval;
  }
  forget_gone(now);
  clock_offset_ = wall_clock_now() - now;
  read_flows(now);
  tell_flows(sink, now);
  tell_queue_pairs(sink, now);
  sum_up();
  last_tick_ = now;
}

std::vector<std::pair<std::string, std::optional<XdpMode>>> Flows::attached() const {
  std::vector<std::pair<std::string, std::optional<XdpMode>>> all;
  for (const auto& [ifindex, watched] : watched_) {
    if (watched.gone != 0) continue;
    std::optional<XdpMode> mode;
    if (watched.xdp) mode = watched.xdp->mode();
    all.emplace_back(watched.interface.name, mode);
  }
  return all;
}

FlowTotals Flows::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace weir
