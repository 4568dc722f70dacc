#include "lens/interfaces.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "kernel/background_close.h"

namespace weir {
namespace {

constexpr double kActiveFramesPerSecond = 0.1;
constexpr std::uint64_t kEthernetHeaderBytes = 14;
// At the end; more than these would take a good part of a second.
constexpr std::size_t kDetachedAtOnce = 16;

// Bytes of each frame that the device does not count and the hook sees: these devices look at the
// packet when its link header has been taken off. Tunnels count what they send from the network
// header within.
std::uint64_t uncounted_header_bytes(const Interface& interface, std::uint32_t direction) {
  if (interface.is_loopback()) return kEthernetHeaderBytes;
  const auto is_one_of = [&](std::initializer_list<std::string_view> kinds) {
    return std::find(kinds.begin(), kinds.end(), interface.kind) != kinds.end();
  };
  const bool strips = direction == TRAFFIC_INGRESS
                          ? is_one_of({"bridge", "vlan", "vxlan", "geneve", "ip6gretap"})
                          : is_one_of({"vxlan", "geneve", "gretap", "ip6gretap", "erspan"});
  return strips ? kEthernetHeaderBytes : 0;
}

// Which interface is attached before others.
int urgency(const Interface& interface) {
  if (!interface.is_up()) return 0;
  return interface.kind.empty() ? 2 : 1;  // hardware and loopback have no kind
}

TrafficRates rates_between(const TrafficCounts& before, const TrafficCounts& now, Nanos interval) {
  const auto rate = [&](std::uint64_t from, std::uint64_t to) {
    return static_cast<double>(to - from) * static_cast<double>(kSecond) /
           static_cast<double>(interval);
  };
  return {rate(before.frames, now.frames), rate(before.bytes, now.bytes),
          rate(before.wire_packets, now.wire_packets), rate(before.wire_bytes, now.wire_bytes)};
}

}  // namespace

Interfaces::Interfaces(const InterfacesOptions& options, InterfaceWatch watch,
                       std::unique_ptr<TrafficProgram> program, TcMode mode,
                       std::optional<ClsactOwner> owner)
    : choice_(options.interfaces),
      watch_(std::move(watch)),
      program_(std::move(program)),
      mode_(mode),
      owner_(std::move(owner)) {}

Interfaces::~Interfaces() {
  if (watched_.size() <= kDetachedAtOnce) return;
  std::vector<Fd> links;
  for (auto& [index, watched] : watched_) {
    for (auto& attachment : watched.attachments) {
      Fd link = attachment ? attachment->take_link() : Fd();
      if (link.valid()) links.push_back(std::move(link));
    }
  }
  close_in_background(std::move(links));
}

Result<std::unique_ptr<Interfaces>> Interfaces::open(const InterfacesOptions& options) {
  auto watch = InterfaceWatch::open();
  if (!watch) return tl::unexpected(watch.error());
  std::vector<std::string> names;
  for (const auto& [index, interface] : watch->interfaces()) names.push_back(interface.name);
  if (options.must_exist) {
    if (auto known = InterfaceChoice(options.interfaces).check(names); !known) {
      return tl::unexpected(known.error());
    }
  }
  auto program = TrafficProgram::load(names.size());
  if (!program) return tl::unexpected(program.error());
  TcMode mode = options.attach.value_or(TcMode::kTcx);
  if (!options.attach) {
    const auto tcx = has_tcx((*program)->fd(TRAFFIC_INGRESS));
    if (!tcx) return tl::unexpected(tcx.error());
    if (!*tcx) mode = TcMode::kClsact;
  }
  std::optional<ClsactOwner> owner;
  if (mode == TcMode::kClsact) {
    auto claimed = ClsactOwner::claim();
    if (!claimed) return tl::unexpected(claimed.error());
    owner.emplace(std::move(*claimed));
  }
  std::unique_ptr<Interfaces> lens(
      new Interfaces(options, std::move(*watch), std::move(*program), mode, std::move(owner)));
  lens->follow_interfaces();
  while (lens->watched_.empty() && lens->pending()) lens->attach_next();
  if (lens->watched_.empty() && lens->first_failure_) return tl::unexpected(*lens->first_failure_);
  return lens;
}

Result<> Interfaces::make_room(std::uint32_t ifindex) {
  const std::lock_guard lock(mutex_);
  return program_->add(ifindex);
}

void Interfaces::give_room(std::uint32_t ifindex) {
  const std::lock_guard lock(mutex_);
  program_->remove(ifindex);
}

Result<> Interfaces::attach(const Interface& interface) {
  if (auto added = make_room(interface.index); !added) return added;
  Watched watched;
  watched.interface = interface;
  watched.ticked = monotonic_now();
  if (mode_ == TcMode::kClsact) {
    // Of a weir that was killed. One that cannot be removed counts for nobody and does no harm.
    const auto left = clsact_leftovers(interface.index, &*owner_);
    for (const ClsactLeftover& leftover : left.value_or(std::vector<ClsactLeftover>())) {
      if (remove_clsact_leftover(leftover)) {
        log_info("removed a filter that a killed weir had left on " + interface.name);
      }
    }
  }
  for (const traffic_direction direction : {TRAFFIC_INGRESS, TRAFFIC_EGRESS}) {
    auto attached = TcAttachment::attach(program_->fd(direction), interface.index, direction, mode_,
                                         owner_ ? &*owner_ : nullptr);
    if (!attached) {
      watched.attachments = {};
      give_room(interface.index);
      return tl::unexpected(attached.error());
    }
    watched.attachments[direction].emplace(std::move(*attached));
  }
  const std::lock_guard lock(mutex_);
  watched_.insert_or_assign(interface.index, std::move(watched));
  return {};
}

void Interfaces::forget(std::uint32_t ifindex, bool gone) {
  std::map<std::uint32_t, Watched>::node_type forgotten;
  {
    const std::lock_guard lock(mutex_);
    forgotten = watched_.extract(ifindex);
  }
  if (forgotten.empty()) return;
  for (auto& attachment : forgotten.mapped().attachments) {
    if (gone && attachment) attachment->interface_is_gone();
    attachment.reset();
  }
  give_room(ifindex);
}

void Interfaces::follow_interfaces() {
  pending_.clear();
  for (const auto& [index, interface] : watch_.interfaces()) {
    const auto found = watched_.find(index);  // only this thread changes it
    const bool wanted = choice_.matches(interface.name);
    if (found == watched_.end()) {
      const auto refused = refused_.find(index);
      const bool again = refused == refused_.end() || refused->second != interface.name;
      if (wanted && again) pending_.push_back(index);
    } else if (wanted) {
      const std::lock_guard lock(mutex_);
      found->second.interface = interface;
    } else {
      forget(index, false);
    }
  }
  std::erase_if(refused_, [&](const auto& entry) {
    const auto found = watch_.interfaces().find(entry.first);
    return found == watch_.interfaces().end() || !choice_.matches(found->second.name);
  });
  uncounted_.store(refused_.size(), std::memory_order_relaxed);
  std::sort(pending_.begin(), pending_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return std::pair(urgency(watch_.interfaces().at(a)), b) <
           std::pair(urgency(watch_.interfaces().at(b)), a);
  });
}

void Interfaces::attach_next() {
  const Interface& interface = watch_.interfaces().at(pending_.back());
  pending_.pop_back();
  const Result<> attached = attach(interface);
  if (attached) {
    refused_.erase(interface.index);
    return;
  }
  // It may have gone by now; the watch will tell.
  if (attached.error().code == std::errc::no_such_device) return;
  refused_[interface.index] = interface.name;
  uncounted_.store(refused_.size(), std::memory_order_relaxed);
  const Error failure{"count " + interface.name + ": " + attached.error().context,
                      attached.error().code};
  if (watched_.empty() && !first_failure_) first_failure_ = failure;
  log_warning(failure.text());
}

void Interfaces::on_readable() {
  const auto changed = watch_.on_readable();
  if (!changed) {
    log_warning("follow interfaces: " + changed.error().text());
    return;
  }
  for (const std::uint32_t index : watch_.gone()) forget(index, true);
  if (*changed) follow_interfaces();
}

std::array<TrafficCounts, TRAFFIC_DIRECTIONS> Interfaces::read(const Watched& watched) const {
  std::array<TrafficCounts, TRAFFIC_DIRECTIONS> counts;
  for (const traffic_direction direction : {TRAFFIC_INGRESS, TRAFFIC_EGRESS}) {
    TrafficCounts& one = counts[direction];
    one = program_->read(watched.interface.index, direction);
    // A frame may have been counted whose bytes are yet to be.
    one.bytes -=
        std::min(one.bytes, one.frames * uncounted_header_bytes(watched.interface, direction));
  }
  return counts;
}

void Interfaces::tick() {
  const std::lock_guard lock(mutex_);
  for (auto& [index, watched] : watched_) {
    const Nanos now = monotonic_now();
    const auto counts = read(watched);
    watched.interval_ns = now - watched.ticked;
    if (watched.interval_ns <= 0) continue;
    watched.active = false;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      watched.rates[i] = rates_between(watched.counts[i], counts[i], watched.interval_ns);
      watched.active = watched.active || watched.rates[i].frames > kActiveFramesPerSecond;
    }
    watched.ever_active = watched.ever_active || watched.active;
    watched.counts = counts;
    watched.ticked = now;
  }
}

std::vector<InterfaceSample> Interfaces::samples() const {
  std::vector<InterfaceSample> samples;
  const Nanos now = wall_clock_now();
  const std::lock_guard lock(mutex_);
  samples.reserve(watched_.size());
  for (const auto& [index, watched] : watched_) {
    const auto counts = read(watched);
    InterfaceSample& sample = samples.emplace_back();
    sample.time = now;
    sample.interval_ns = watched.interval_ns;
    sample.index = index;
    sample.name = watched.interface.name;
    sample.state = watched.interface.state();
    sample.ingress = counts[TRAFFIC_INGRESS];
    sample.egress = counts[TRAFFIC_EGRESS];
    sample.ingress_rate = watched.rates[TRAFFIC_INGRESS];
    sample.egress_rate = watched.rates[TRAFFIC_EGRESS];
    sample.active = watched.active;
    sample.ever_active = watched.ever_active;
  }
  return samples;
}

}  // namespace weir
