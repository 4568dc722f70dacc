// clsact: attaching below Linux 6.6, where a filter outlives the process that made it. Filters of
// weir's are known again by their handle, their priority and the name of their program. The handle
// says whose they are (that process, while it lives, listens on an abstract socket, in whatever PID
// namespace it is), and whether the qdisc was made by a weir.
#pragma once

#include <cstdint>
#include <vector>

#include "abi/traffic_slot.h"
#include "base/fd.h"
#include "base/result.h"

namespace weir {

// This process, among those that attach by clsact in this network namespace.
class ClsactOwner {
 public:
  static Result<ClsactOwner> claim();
  std::uint32_t number() const { return number_; }

 private:
  ClsactOwner(Fd socket, std::uint32_t number) : socket_(std::move(socket)), number_(number) {}

  Fd socket_;
  std::uint32_t number_;
};

class ClsactFilter {
 public:
  // Makes the interface's clsact qdisc where there is none.
  static Result<ClsactFilter> add(int program_fd, std::uint32_t ifindex,
                                  traffic_direction direction, const ClsactOwner& owner);
  ClsactFilter(ClsactFilter&& other) noexcept;
  ClsactFilter& operator=(ClsactFilter&& other) noexcept;
  ~ClsactFilter();  // and the qdisc's, where a weir has made it and it holds no other

  // Nobody has removed it.
  bool is_there() const;
  // Others' filters come before it: what they drop or accept does not get to it.
  bool is_behind_others() const { return behind_others_; }

  void interface_is_gone() { ifindex_ = 0; }

 private:
  ClsactFilter(std::uint32_t ifindex, traffic_direction direction, std::uint32_t handle,
               std::uint32_t priority, bool behind_others)
      : ifindex_(ifindex),
        direction_(direction),
        handle_(handle),
        priority_(priority),
        behind_others_(behind_others) {}

  std::uint32_t ifindex_;  // 0: nothing to remove
  traffic_direction direction_;
  std::uint32_t handle_, priority_;
  bool behind_others_;
};

// A filter that a weir left behind, or that a living one uses.
struct ClsactLeftover {
  std::uint32_t ifindex = 0;
  traffic_direction direction = TRAFFIC_INGRESS;
  std::uint32_t handle = 0, priority = 0;
};

// Those on an interface whose owner lives no more.
Result<std::vector<ClsactLeftover>> clsact_leftovers(std::uint32_t ifindex);
// Removes one; and the qdisc, where a weir has made it and it holds nothing else.
Result<> remove_clsact_leftover(const ClsactLeftover& leftover);

}  // namespace weir
