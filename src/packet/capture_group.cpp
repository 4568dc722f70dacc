#include "packet/capture_group.h"

#include <linux/if_arp.h>
#include <sched.h>

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr unsigned kMostDefaultWorkers = 4;
// Beyond this many the names of interfaces that are gone are forgotten.
constexpr std::size_t kMostNames = 4096;

using Names = std::map<std::uint32_t, std::string>;

// Those of `a` that `b` does not hold under the same index.
std::vector<std::string> names_missing(const Names& a, const Names& b) {
  std::vector<std::string> missing;
  for (const auto& [index, name] : a) {
    if (!b.contains(index)) missing.push_back(name);
  }
  return missing;
}

}  // namespace

unsigned default_capture_workers() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return std::clamp(static_cast<unsigned>(CPU_COUNT(&allowed)) / 2, 1U, kMostDefaultWorkers);
}

CaptureGroup::CaptureGroup(const CaptureOptions& options, InterfaceWatch watch, LiveFilter filter)
    : choice_(options.interfaces),
      promiscuous_(options.promiscuous),
      watch_(std::move(watch)),
      filter_(std::move(filter)) {}

Result<std::unique_ptr<CaptureGroup>> CaptureGroup::open(const CaptureOptions& options) {
  auto filter = LiveFilter::compile(options.filter, CaptureRing::kSnapLength);
  if (!filter) return tl::unexpected(filter.error());
  auto watch = InterfaceWatch::open();
  if (!watch) return tl::unexpected(watch.error());
  std::unique_ptr<CaptureGroup> group(
      new CaptureGroup(options, std::move(*watch), std::move(*filter)));
  std::vector<std::string> existing;
  for (const auto& [index, interface] : group->watch_.interfaces()) {
    existing.push_back(interface.name);
  }
  if (auto known = group->choice_.check(existing); !known) return tl::unexpected(known.error());
  group->load_program(options);
  if (auto opened = group->open_rings(options); !opened) return tl::unexpected(opened.error());
  group->remember_names();
  if (auto applied = group->apply(group->wanted()); !applied) {
    return tl::unexpected(applied.error());
  }
  return group;
}

// What the kernel does not take is done without: first the expression, which then remains classic
// BPF, for which there are no copy verdicts, then all of it.
void CaptureGroup::load_program(const CaptureOptions& options) {
  CaptureProgram::Settings settings;
  // Bound to loopback, which does not go away, the sockets see no other.
  settings.choose_interfaces = !choice_.any() && !loopback();
  settings.follow_tunnels = options.decapsulate;
  if (!options.filter.empty()) {
    settings.expression = {filter_.ethernet(), filter_.network_layer()};
  }
  auto program = CaptureProgram::load(settings);
  if (!program && settings.expression) {
    warning_ = "every packet is copied whole: " + program.error().text();
    classic_ = true;
    settings.expression.reset();
    program = CaptureProgram::load(settings);
  }
  if (program) {
    program_ = std::move(*program);
    return;
  }
  classic_ = true;
  warning_ = std::string("every packet is copied whole") +
             (options.workers > 1 ? ", capture runs on one worker" : "") + ": " +
             program.error().text();
}

Result<> CaptureGroup::open_rings(const CaptureOptions& options) {
  const unsigned workers = program_ ? std::max(1U, options.workers) : 1;
  for (unsigned i = 0; i < workers; ++i) {
    auto ring = CaptureRing::open(options.ring_bytes);
    if (!ring) return tl::unexpected(ring.error());
    rings_.push_back(std::move(*ring));
  }
  if (workers > 1) return spread();
  // A bound socket costs other interfaces nothing. In a group the kernel does not allow it to
  // follow an interface that comes back: a group is unbound, and its filter chooses.
  binds_ = choice_.single_name().has_value();
  return binds_ ? Result<>() : rings_[0]->bind(0);
}

Result<> CaptureGroup::spread() {
  // The kernel lets only a running socket into a group.
  for (const auto& ring : rings_) {
    if (auto bound = ring->bind(loopback().value_or(0)); !bound) return bound;
  }
  const bool incoming_only = loopback().has_value();
  const auto id = rings_[0]->start_group(program_->steering(), incoming_only);
  if (!id) return tl::unexpected(id.error());
  for (std::size_t i = 1; i < rings_.size(); ++i) {
    if (auto joined = rings_[i]->join_group(*id, incoming_only); !joined) return joined;
  }
  return {};
}

// Its index, where it alone was asked for.
std::optional<std::uint32_t> CaptureGroup::loopback() const {
  const auto name = choice_.single_name();
  if (!name) return std::nullopt;
  for (const auto& [index, interface] : watch_.interfaces()) {
    if (interface.name == *name && interface.is_loopback()) return index;
  }
  return std::nullopt;
}

std::map<std::uint32_t, std::string> CaptureGroup::wanted() const {
  Names names;
  for (const auto& [index, interface] : watch_.interfaces()) {
    if (choice_.matches(interface.name)) names.emplace(index, interface.name);
  }
  return names;
}

Result<> CaptureGroup::attach(const Names& wanted) {
  if (classic_) return attach_classic(wanted);
  std::erase_if(told_, [&](std::uint32_t index) {
    if (wanted.contains(index)) return false;
    program_->remove_interface(index);
    return true;
  });
  for (const auto& [index, name] : wanted) {
    const auto type = watch_.interfaces().at(index).hardware_type;
    const bool ethernet = type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK;
    if (auto added = program_->add_interface(index, ethernet); !added) return added;
    told_.insert(index);
  }
  if (attached_) return {};
  for (const auto& ring : rings_) {
    if (auto set = ring->set_filter(program_->filter()); !set) return set;
  }
  attached_ = true;
  return {};
}

Result<> CaptureGroup::attach_classic(const Names& wanted) {
  std::optional<std::vector<std::uint32_t>> indexes;
  if (!choice_.any()) {
    indexes.emplace();
    for (const auto& [index, name] : wanted) indexes->push_back(index);
  }
  const auto program = filter_.program(indexes);
  if (!program) return tl::unexpected(program.error());
  for (const auto& ring : rings_) {
    auto set = ring->set_filter(*program);
    if (set) continue;
    if (expression_is_left_ || set.error().code != std::errc::invalid_argument) return set;
    // It loops, as `protochain` does, or is longer than the kernel allows.
    auto everything = LiveFilter::compile("", CaptureRing::kSnapLength);
    if (!everything) return tl::unexpected(everything.error());
    filter_ = std::move(*everything);
    expression_is_left_ = true;
    warning_ = "the kernel does not take the filter: weir applies it itself, to every packet";
    return attach_classic(wanted);
  }
  return {};
}

Result<> CaptureGroup::follow(std::uint32_t index) {
  const Interface& interface = watch_.interfaces().at(index);
  if (binds_) {
    if (auto bound = rings_[0]->bind(index); !bound) return bound;
    if (interface.is_loopback()) return rings_[0]->ignore_outgoing();
  }
  // Left behind by its interface, a membership ends by itself.
  if (promiscuous_ && !interface.is_loopback()) return rings_[0]->set_promiscuous(index);
  return {};
}

Result<> CaptureGroup::apply(Names wanted) {
  if (auto attached = attach(wanted); !attached) return attached;
  for (const auto& [index, name] : wanted) {
    if (captured_.contains(index)) continue;
    const auto followed = follow(index);
    // Gone again already: the event that says so is on its way.
    if (followed || followed.error().code == std::errc::no_such_device) continue;
    return tl::unexpected(
        Error{"capture " + name + ": " + followed.error().context, followed.error().code});
  }
  captured_ = std::move(wanted);
  return {};
}

Result<CaptureChanges> CaptureGroup::on_readable() {
  const auto changed = watch_.on_readable();
  if (!changed) return tl::unexpected(changed.error());
  CaptureChanges changes;
  if (!*changed) return changes;
  remember_names();
  const Names before = captured_;
  // One that went and is back under its old index is another to the kernel.
  for (const auto index : watch_.gone()) captured_.erase(index);
  auto now = wanted();
  if (now == captured_ && now == before) return changes;
  changes.began = names_missing(now, before);
  changes.ended = names_missing(before, now);
  if (auto applied = apply(std::move(now)); !applied) return tl::unexpected(applied.error());
  return changes;
}

void CaptureGroup::remember_names() {
  const auto& present = watch_.interfaces();
  const std::lock_guard lock(names_mutex_);
  if (names_.size() > kMostNames) {
    std::erase_if(names_, [&](const auto& entry) { return !present.contains(entry.first); });
  }
  for (const auto& [index, interface] : present) names_[index] = interface.name;
}

std::string CaptureGroup::interface_name(std::uint32_t index) const {
  const std::lock_guard lock(names_mutex_);
  const auto found = names_.find(index);
  return found == names_.end() ? std::string() : found->second;
}

void CaptureGroup::stop() noexcept {
  for (const auto& ring : rings_) ring->stop();
}

}  // namespace weir
