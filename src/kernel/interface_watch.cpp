#include "kernel/interface_watch.h"

#include <linux/rtnetlink.h>

namespace weir {

Result<InterfaceWatch> InterfaceWatch::open() {
  // The events first: one that tells what the list holds already does no harm.
  auto events = Netlink::open(RTMGRP_LINK);
  if (!events) return tl::unexpected(events.error());
  InterfaceWatch watch(std::move(*events));
  if (const auto started = watch.start_over(); !started) return tl::unexpected(started.error());
  return watch;
}

Result<> InterfaceWatch::start_over() {
  auto questions = Netlink::open(0);
  if (!questions) return tl::unexpected(questions.error());
  std::map<std::uint32_t, Interface> interfaces;
  const auto dumped = questions->dump(RTM_GETLINK, [&](const NetlinkMessage& message) {
    if (message.type != RTM_NEWLINK) return;
    if (auto link = parse_link(message.payload)) interfaces[link->index] = std::move(*link);
  });
  if (!dumped) return dumped;
  interfaces_ = std::move(interfaces);
  return {};
}

Result<bool> InterfaceWatch::on_readable() {
  bool changed = false;
  gone_.clear();
  const auto complete = events_.receive([&](const NetlinkMessage& message) {
    if (message.type != RTM_NEWLINK && message.type != RTM_DELLINK) return;
    auto link = parse_link(message.payload);
    if (!link) return;
    changed = true;
    if (message.type == RTM_DELLINK) {
      interfaces_.erase(link->index);
      gone_.insert(link->index);
    } else {
      interfaces_[link->index] = std::move(*link);
    }
  });
  if (!complete) return tl::unexpected(complete.error());
  if (*complete) return changed;
  // Events were lost: any of them may have gone and come back.
  for (const auto& [index, interface] : interfaces_) gone_.insert(index);
  if (const auto started = start_over(); !started) return tl::unexpected(started.error());
  return true;
}

}  // namespace weir
