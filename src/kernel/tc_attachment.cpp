#include "kernel/tc_attachment.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <cerrno>

#include "kernel/link_error.h"

namespace weir {
namespace {

// Newer than Debian 12's headers.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);
constexpr std::uint32_t kBefore = 1U << 3;  // BPF_F_BEFORE; without a neighbour: before all

int create_tcx_link(int program_fd, std::uint32_t ifindex, traffic_direction direction) {
  LIBBPF_OPTS(bpf_link_create_opts, options, .flags = kBefore);
  return bpf_link_create(program_fd, static_cast<int>(ifindex),
                         direction == TRAFFIC_INGRESS ? kTcxIngress : kTcxEgress, &options);
}

}  // namespace

std::string_view tc_mode_name(TcMode mode) { return mode == TcMode::kTcx ? "tcx" : "clsact"; }

Result<bool> has_tcx(int program_fd) {
  // No interface has this index: a kernel with TCX says that there is no such device.
  constexpr std::uint32_t kNoInterface = 0x7fffffff;
  const Fd link(create_tcx_link(program_fd, kNoInterface, TRAFFIC_INGRESS));
  if (errno == EPERM) return link_error("attach to interfaces", EPERM);
  return errno != EINVAL;
}

Result<TcAttachment> TcAttachment::attach(int program_fd, std::uint32_t ifindex,
                                          traffic_direction direction, TcMode mode,
                                          const ClsactOwner* owner) {
  if (mode == TcMode::kClsact) {
    auto filter = ClsactFilter::add(program_fd, ifindex, direction, *owner);
    if (!filter) return tl::unexpected(filter.error());
    return TcAttachment(std::move(*filter));
  }
  Fd link(create_tcx_link(program_fd, ifindex, direction));
  if (!link.valid()) {
    return link_error(
        direction == TRAFFIC_INGRESS ? "attach to tcx ingress" : "attach to tcx egress", errno);
  }
  return TcAttachment(std::move(link));
}

void TcAttachment::interface_is_gone() {
  if (filter_) filter_->interface_is_gone();
}

}  // namespace weir
