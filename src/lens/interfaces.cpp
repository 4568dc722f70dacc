#include "lens/interfaces.h"

#include <algorithm>
#include <utility>

#include "lens/device_bytes.h"

namespace weir {
namespace {

constexpr double kActiveFramesPerSecond = 0.1;
constexpr Nanos kCheckInterval = 5 * kSecond;

TrafficRates rates_between(const TrafficCounts& before, const TrafficCounts& now, Nanos interval) {
  const auto rate = [&](std::uint64_t from, std::uint64_t to) {
    return static_cast<double>(to - from) * static_cast<double>(kSecond) /
           static_cast<double>(interval);
  };
  return {rate(before.frames, now.frames), rate(before.bytes, now.bytes),
          rate(before.wire_packets, now.wire_packets), rate(before.wire_bytes, now.wire_bytes)};
}

}  // namespace

Interfaces::Interfaces(std::unique_ptr<TcFollower> follower,
                       std::unique_ptr<TrafficProgram> program)
    : program_(std::move(program)), follower_(std::move(follower)) {}

Result<std::unique_ptr<Interfaces>> Interfaces::open(const FollowOptions& options) {
  auto follower = TcFollower::open(options);
  if (!follower) return tl::unexpected(follower.error());
  auto program = TrafficProgram::load((*follower)->interfaces_now());
  if (!program) return tl::unexpected(program.error());
  std::unique_ptr<Interfaces> lens(new Interfaces(std::move(*follower), std::move(*program)));
  const TrafficProgram& programs = *lens->program_;
  const Result<> started = lens->follower_->start(
      programs.fd(TRAFFIC_INGRESS),
      {[&programs](const Interface&, traffic_direction direction) {
         return programs.fd(direction);
       },
       [&lens = *lens](const Interface& interface) { return lens.begin(interface); },
       [&lens = *lens](const Interface& interface) { lens.change(interface); },
       [&lens = *lens](std::uint32_t ifindex) { lens.end(ifindex); }});
  if (!started) return tl::unexpected(started.error());
  return lens;
}

Result<> Interfaces::begin(const Interface& interface) {
  const std::lock_guard lock(mutex_);
  if (auto added = program_->add(interface.index, has_ethernet_header(interface)); !added)
    return added;
  Watched watched;
  watched.interface = interface;
  watched.ticked = monotonic_now();
  watched_.insert_or_assign(interface.index, std::move(watched));
  return {};
}

void Interfaces::change(const Interface& interface) {
  const std::lock_guard lock(mutex_);
  watched_.at(interface.index).interface = interface;
}

void Interfaces::end(std::uint32_t ifindex) {
  const std::lock_guard lock(mutex_);
  watched_.erase(ifindex);
  program_->remove(ifindex);
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
  if (const Nanos now = monotonic_now(); now >= next_check_) {
    follower_->check();
    next_check_ = now + kCheckInterval;
  }
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
