#include "kernel/xdp_attachment.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>

#include <cerrno>

#include "kernel/link_error.h"

namespace weir {
namespace {

Fd create_link(int program_fd, std::uint32_t ifindex, XdpMode mode) {
  LIBBPF_OPTS(bpf_link_create_opts, options,
              .flags = mode == XdpMode::kNative ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
  return Fd(bpf_link_create(program_fd, static_cast<int>(ifindex), BPF_XDP, &options));
}

}  // namespace

std::string_view xdp_mode_name(XdpMode mode) {
  switch (mode) {
    case XdpMode::kBest:
      return "xdp";
    case XdpMode::kNative:
      return "xdp-native";
    case XdpMode::kGeneric:
      return "xdp-generic";
  }
  return "";
}

Result<XdpAttachment> XdpAttachment::attach(int program_fd, std::uint32_t ifindex,
                                            const std::string& interface_name, XdpMode wanted) {
  XdpMode mode = wanted == XdpMode::kBest ? XdpMode::kNative : wanted;
  Fd link = create_link(program_fd, ifindex, mode);
  // No XDP in this driver, or not with its present settings.
  const bool refused = !link.valid() && (errno == EOPNOTSUPP || errno == EINVAL);
  if (refused && wanted == XdpMode::kBest) {
    mode = XdpMode::kGeneric;
    link = create_link(program_fd, ifindex, mode);
  }
  if (link.valid()) return XdpAttachment(std::move(link), mode);
  std::string what = fmt::format("attach to {} by {}", interface_name, xdp_mode_name(mode));
  if (errno == EBUSY || errno == EEXIST) {
    what += fmt::format(" ({} has another XDP program: ip link show {}; TC works beside it)",
                        interface_name, interface_name);
  }
  return link_error(std::move(what), errno);
}

}  // namespace weir
