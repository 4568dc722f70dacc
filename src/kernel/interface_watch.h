// InterfaceWatch: the interfaces of this network namespace, kept up to date. For one thread, whose
// event loop waits for fd().
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "base/result.h"
#include "kernel/interface.h"
#include "kernel/netlink.h"

namespace weir {

class InterfaceWatch {
 public:
  // The interfaces of now are known when it returns, and none that comes later is missed.
  static Result<InterfaceWatch> open();

  int fd() const { return events_.fd(); }
  // To be called when fd() is readable; does not block. True when an interface came, went or
  // changed its name or description.
  Result<bool> on_readable();

  // Indexes that went away in the last on_readable(), those included that are back already.
  const std::set<std::uint32_t>& gone() const { return gone_; }
  // By index.
  const std::map<std::uint32_t, Interface>& interfaces() const { return interfaces_; }

 private:
  explicit InterfaceWatch(Netlink events) : events_(std::move(events)) {}
  Result<> start_over();

  Netlink events_;
  std::map<std::uint32_t, Interface> interfaces_;
  std::set<std::uint32_t> gone_;
};

}  // namespace weir
