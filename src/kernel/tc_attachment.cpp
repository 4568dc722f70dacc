#include "kernel/tc_attachment.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>

#include "kernel/link_error.h"

namespace weir {
namespace {

// Newer than Debian 12's headers.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);
constexpr std::uint32_t kBefore = 1U << 3;  // BPF_F_BEFORE; without a neighbour: before all

// For whoever wants to know what is counted, and for what is yet to be opened.
constexpr rlim_t kDescriptorsLeft = 64;

bool leaves_descriptors(const Fd& newest) {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
         static_cast<rlim_t>(newest.get()) + kDescriptorsLeft < limit.rlim_cur;
}

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
  if (!leaves_descriptors(link)) {
    return system_failure("attach to one more interface (each takes two: ulimit -n)", EMFILE);
  }
  return TcAttachment(std::move(link));
}

bool TcAttachment::is_there() const {
  if (filter_) return filter_->is_there();
  bpf_link_info info{};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(link_.get(), &info, &size) != 0) return true;  // it cannot be told
  return info.xdp.ifindex != 0;                                             // where TCX has its own
}

void TcAttachment::interface_is_gone() {
  if (filter_) filter_->interface_is_gone();
}

}  // namespace weir
