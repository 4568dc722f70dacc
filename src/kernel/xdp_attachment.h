// XdpAttachment: a program at the XDP hook of an interface, by a link that ends with the process.
// An interface has one XDP program: where there is one, the error names the interface and XDP.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace weir {

// kBest: in the driver, and where that has no XDP, generic. The program decides what a packet of
// several buffers (a large MTU) is to it: in the driver it has to be loaded as xdp.frags for those.
enum class XdpMode : std::uint8_t { kBest, kNative, kGeneric };

class XdpAttachment {
 public:
  static Result<XdpAttachment> attach(int program_fd, std::uint32_t ifindex,
                                      const std::string& interface_name, XdpMode wanted);

  XdpMode mode() const { return mode_; }  // kNative or kGeneric

 private:
  XdpAttachment(Fd link, XdpMode mode) : link_(std::move(link)), mode_(mode) {}

  Fd link_;
  XdpMode mode_;
};

std::string_view xdp_mode_name(XdpMode mode);

}  // namespace weir
