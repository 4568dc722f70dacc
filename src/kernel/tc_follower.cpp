#include "kernel/tc_follower.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "kernel/background_close.h"

namespace weir {
namespace {

// At the end; more than these would take a good part of a second.
constexpr std::size_t kDetachedAtOnce = 16;

// Each interface takes two.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Which interface is attached before others.
int urgency(const Interface& interface) {
  if (!interface.is_up()) return 0;
  return interface.kind.empty() ? 2 : 1;  // hardware and loopback have no kind
}

}  // namespace

Result<std::unique_ptr<TcFollower>> TcFollower::open(const FollowOptions& options) {
  raise_descriptor_limit();
  auto watch = InterfaceWatch::open();
  if (!watch) return tl::unexpected(watch.error());
  if (options.must_exist) {
    std::vector<std::string> names;
    for (const auto& [index, interface] : watch->interfaces()) names.push_back(interface.name);
    if (auto known = InterfaceChoice(options.interfaces).check(names); !known) {
      return tl::unexpected(known.error());
    }
  }
  return std::unique_ptr<TcFollower>(new TcFollower(options, std::move(*watch)));
}

TcFollower::~TcFollower() {
  if (attached_.size() <= kDetachedAtOnce) return;
  std::vector<Fd> links;
  for (auto& [index, attached] : attached_) {
    for (TcAttachment& attachment : attached.attachments) {
      Fd link = attachment.take_link();
      if (link.valid()) links.push_back(std::move(link));
    }
  }
  close_in_background(std::move(links));
}

Result<> TcFollower::choose_mode(int any_program) {
  mode_ = wanted_mode_.value_or(TcMode::kTcx);
  if (!wanted_mode_) {
    const auto tcx = has_tcx(any_program);
    if (!tcx) return tl::unexpected(tcx.error());
    if (!*tcx) mode_ = TcMode::kClsact;
  }
  if (mode_ == TcMode::kTcx) return {};
  auto claimed = ClsactOwner::claim();
  if (!claimed) return tl::unexpected(claimed.error());
  clsact_owner_.emplace(std::move(*claimed));
  clear_leftovers();
  return {};
}

Result<> TcFollower::start(int any_program, Owner owner) {
  owner_ = std::move(owner);
  if (auto chosen = choose_mode(any_program); !chosen) return chosen;
  follow();
  while (attached_.empty() && pending()) attach_next();
  if (attached_.empty() && first_failure_) return tl::unexpected(*first_failure_);
  if (attached_.empty()) log_info("no interface yet of those that were asked for");
  return {};
}

// Of a weir that was killed. One that cannot be removed counts for nobody and does no harm.
void TcFollower::clear_leftovers() const {
  for (const auto& [index, interface] : watch_.interfaces()) {
    const auto left = clsact_leftovers(index);
    if (!left) continue;
    for (const ClsactLeftover& leftover : *left) {
      if (remove_clsact_leftover(leftover)) {
        log_info("removed a filter that a killed weir had left on " + interface.name);
      }
    }
  }
}

Result<std::vector<TcAttachment>> TcFollower::attach_programs(const Interface& interface) const {
  std::vector<TcAttachment> attachments;
  for (const traffic_direction direction : {TRAFFIC_INGRESS, TRAFFIC_EGRESS}) {
    const int program = owner_.program(interface, direction);
    if (program < 0) continue;
    auto attached = TcAttachment::attach(program, interface.index, direction, mode_,
                                         clsact_owner_ ? &*clsact_owner_ : nullptr);
    if (!attached) return tl::unexpected(attached.error());
    attachments.push_back(std::move(*attached));
  }
  return attachments;
}

Result<> TcFollower::attach(const Interface& interface) {
  if (auto begun = owner_.begin(interface); !begun) return begun;
  auto attachments = attach_programs(interface);
  if (!attachments) {
    owner_.end(interface.index);
    return tl::unexpected(attachments.error());
  }
  for (const TcAttachment& one : *attachments) {
    if (!one.is_behind_others()) continue;
    log_warning(interface.name +
                ": filters of another program come before weir's; what they drop or "
                "accept is not counted (tc filter show)");
    break;
  }
  const std::size_t programs = attachments->size();
  attached_[interface.index] = {interface, std::move(*attachments), programs};
  return {};
}

void TcFollower::check() {
  if (mode_ != TcMode::kClsact) return;  // nobody can remove a link
  for (auto& [index, attached] : attached_) {
    // One whose attaching anew has failed is without: it is tried again.
    const bool whole = attached.attachments.size() == attached.programs && is_attached(index);
    if (whole || !watch_.interfaces().contains(index)) continue;
    attached.attachments.clear();
    auto again = attach_programs(attached.interface);
    if (again) {
      attached.attachments = std::move(*again);
      log_warning("another program has removed weir's filters from " + attached.interface.name +
                  ": attached again; what crossed meanwhile is not counted");
    } else {
      log_warning("another program has removed weir's filters from " + attached.interface.name +
                  ": " + again.error().text());
    }
  }
}

void TcFollower::forget(std::uint32_t ifindex, bool gone) {
  const auto found = attached_.find(ifindex);
  if (found == attached_.end()) return;
  if (gone) {
    for (TcAttachment& one : found->second.attachments) one.interface_is_gone();
  }
  if (choice_.names(found->second.interface.name)) {
    log_info(found->second.interface.name + " is gone; it is counted again when it comes back");
  }
  attached_.erase(found);
  owner_.end(ifindex);
}

void TcFollower::follow() {
  pending_.clear();
  for (const auto& [index, interface] : watch_.interfaces()) {
    const bool wanted = choice_.matches(interface.name);
    if (const auto found = attached_.find(index); found != attached_.end()) {
      if (!wanted) {
        forget(index, false);
        continue;
      }
      found->second.interface = interface;
      owner_.changed(interface);
      continue;
    }
    const auto refused = refused_.find(index);
    const bool again = refused == refused_.end() || refused->second != interface.name;
    if (wanted && again) pending_.push_back(index);
  }
  std::erase_if(refused_, [&](const auto& entry) {
    const auto found = watch_.interfaces().find(entry.first);
    return found == watch_.interfaces().end() || !choice_.matches(found->second.name);
  });
  count_unattached();
  std::sort(pending_.begin(), pending_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return std::pair(urgency(watch_.interfaces().at(a)), b) <
           std::pair(urgency(watch_.interfaces().at(b)), a);
  });
}

void TcFollower::count_unattached() {
  unattached_.store(refused_.size() + pending_.size(), std::memory_order_relaxed);
}

void TcFollower::attach_next() {
  const Interface& interface = watch_.interfaces().at(pending_.back());
  pending_.pop_back();
  const Result<> attached = attach(interface);
  // It may have gone by now; the watch will tell.
  const bool refuses = !attached && attached.error().code != std::errc::no_such_device;
  if (refuses) {
    refused_[interface.index] = interface.name;
  } else {
    refused_.erase(interface.index);
  }
  count_unattached();
  if (!refuses) return;
  const Error failure{"count " + interface.name + ": " + attached.error().context,
                      attached.error().code};
  if (attached_.empty() && !first_failure_) first_failure_ = failure;
  log_warning(failure.text());
}

bool TcFollower::is_attached(std::uint32_t ifindex) const {
  const auto found = attached_.find(ifindex);
  return found != attached_.end() &&
         std::all_of(found->second.attachments.begin(), found->second.attachments.end(),
                     [](const TcAttachment& one) { return one.is_there(); });
}

void TcFollower::on_readable() {
  const auto changed = watch_.on_readable();
  if (!changed) {
    log_warning("follow interfaces: " + changed.error().text());
    return;
  }
  for (const std::uint32_t index : watch_.gone()) {
    // Where events were lost, any may have gone: what is still attached has not.
    if (watch_.interfaces().contains(index) && is_attached(index)) continue;
    forget(index, true);
  }
  if (*changed) follow();
}

}  // namespace weir
