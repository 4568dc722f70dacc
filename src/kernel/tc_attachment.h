// TcAttachment: one program at the TC hook of one direction of an interface. Other people's
// programs there stay, before it or behind it, and run as they did: the program has to return
// TC_ACT_UNSPEC.
//
// Since Linux 6.6 it is a TCX link, gone with the process however that ends. Before, it is a filter
// of the clsact qdisc, which stays when the process is killed: see clsact.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "abi/traffic_slot.h"
#include "base/fd.h"
#include "base/result.h"
#include "kernel/clsact.h"

namespace weir {

enum class TcMode : std::uint8_t { kTcx, kClsact };
std::string_view tc_mode_name(TcMode mode);

// Whether this kernel has TCX; asked with a loaded program of the TC hook. Fails where the kernel
// does not let this process attach at all.
Result<bool> has_tcx(int program_fd);

class TcAttachment {
 public:
  // In front of what is attached already: a program there that drops, or ends the chain, would hide
  // packets. `owner` is needed for kClsact; it must outlive the attachment.
  static Result<TcAttachment> attach(int program_fd, std::uint32_t ifindex,
                                     traffic_direction direction, TcMode mode,
                                     const ClsactOwner* owner);
  TcAttachment(TcAttachment&&) noexcept = default;
  TcAttachment& operator=(TcAttachment&&) noexcept = default;

  // What detaches the program when it is closed; invalid where it is a filter.
  Fd take_link() { return std::move(link_); }

  // Nobody has removed it, nor the interface.
  bool is_there() const;
  // Others' filters come before it: what they drop or accept does not get to it.
  bool is_behind_others() const { return filter_ && filter_->is_behind_others(); }

  // The interface has gone, and its filters with it; a new one may have its index.
  void interface_is_gone();

 private:
  explicit TcAttachment(Fd link) : link_(std::move(link)) {}
  explicit TcAttachment(ClsactFilter filter) : filter_(std::move(filter)) {}

  Fd link_;  // or
  std::optional<ClsactFilter> filter_;
};

}  // namespace weir
