#include "kernel/clsact.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "kernel/libbpf_log.h"
#include "kernel/link_error.h"
#include "kernel/netlink.h"

namespace weir {
namespace {

// A handle: this, the owner's number, and whether the qdisc was made for the filter.
constexpr std::uint32_t kHandleBase = 0x77000000;
constexpr std::uint32_t kHandleMask = 0xff000000;
constexpr std::uint32_t kMadeQdisc = 1;
constexpr std::uint32_t kOwners = 4096;
// In front, as far as others who want the same leave it free.
constexpr std::uint32_t kFirstPriority = 1, kLastPriority = 16;
constexpr const char* kProgramNames = "weir_";

std::uint32_t owner_of(std::uint32_t handle) { return (handle & ~kHandleMask) >> 1; }

// What the kernel has on one direction of an interface.
struct Filter {
  std::uint32_t handle = 0, priority = 0;
  bool weirs = false;
};

bpf_tc_hook hook_of(std::uint32_t ifindex, traffic_direction direction) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
              .attach_point = direction == TRAFFIC_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS);
  return hook;
}

Fd bind_owner(std::uint32_t number) {
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return fd;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = fmt::format("weir-clsact-{}", number);
  std::memcpy(address.sun_path + 1, name.data(), name.size());  // abstract
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return Fd();
  return fd;
}

bool is_weirs(Bytes payload, std::uint32_t handle) {
  if ((handle & kHandleMask) != kHandleBase) return false;
  bool bpf = false, named = false;
  for (const auto& attribute : netlink_attributes(payload, sizeof(tcmsg))) {
    if (attribute.type == TCA_KIND) bpf = attribute.text() == "bpf";
    if (attribute.type != TCA_OPTIONS) continue;
    for (const auto& option : netlink_attributes(attribute.value, 0)) {
      if (option.type == TCA_BPF_NAME) named = option.text().starts_with(kProgramNames);
    }
  }
  return bpf && named;
}

Result<std::vector<Filter>> filters(std::uint32_t ifindex, traffic_direction direction) {
  auto netlink = Netlink::open(0);
  if (!netlink) return tl::unexpected(netlink.error());
  tcmsg question{};
  question.tcm_ifindex = static_cast<int>(ifindex);
  question.tcm_parent =
      TC_H_MAKE(TC_H_CLSACT, direction == TRAFFIC_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  std::vector<Filter> found;
  const auto dumped = netlink->dump(
      RTM_GETTFILTER, Bytes(reinterpret_cast<const std::uint8_t*>(&question), sizeof question),
      [&](const NetlinkMessage& message) {
        tcmsg header{};
        if (message.type != RTM_NEWTFILTER || message.payload.size() < sizeof header) return;
        std::memcpy(&header, message.payload.data(), sizeof header);
        found.push_back({header.tcm_handle, TC_H_MAJ(header.tcm_info) >> 16,
                         is_weirs(message.payload, header.tcm_handle)});
      });
  if (!dumped) return tl::unexpected(dumped.error());
  return found;
}

// Whether one of this owner's filters says that the interface's qdisc was made for it.
bool made_qdisc(std::uint32_t ifindex, std::uint32_t owner) {
  for (const traffic_direction direction : {TRAFFIC_INGRESS, TRAFFIC_EGRESS}) {
    const auto found = filters(ifindex, direction);
    if (!found) continue;
    for (const Filter& filter : *found) {
      if (filter.weirs && owner_of(filter.handle) == owner && (filter.handle & kMadeQdisc) != 0)
        return true;
    }
  }
  return false;
}

Result<> remove_filter(const ClsactLeftover& filter) {
  const LibbpfLog log;
  bpf_tc_hook hook = hook_of(filter.ifindex, filter.direction);
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = filter.handle, .priority = filter.priority);
  if (const int status = bpf_tc_detach(&hook, &options); status != 0) {
    return link_error("remove a filter from clsact", -status);
  }
  if ((filter.handle & kMadeQdisc) == 0) return {};
  for (const traffic_direction direction : {TRAFFIC_INGRESS, TRAFFIC_EGRESS}) {
    const auto others = filters(filter.ifindex, direction);
    if (!others || !others->empty()) return {};
  }
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  if (const int status = bpf_tc_hook_destroy(&hook); status != 0) {
    return link_error("remove the clsact qdisc", -status);
  }
  return {};
}

}  // namespace

Result<ClsactOwner> ClsactOwner::claim() {
  for (std::uint32_t number = 0; number < kOwners; ++number) {
    Fd socket = bind_owner(number);
    if (socket.valid()) return ClsactOwner(std::move(socket), number);
    if (errno != EADDRINUSE) break;
  }
  return system_failure("claim a number among those who attach by clsact");
}

Result<ClsactFilter> ClsactFilter::add(int program_fd, std::uint32_t ifindex,
                                       traffic_direction direction, const ClsactOwner& owner) {
  const LibbpfLog log;
  bpf_tc_hook hook = hook_of(ifindex, direction);
  const int created = bpf_tc_hook_create(&hook);
  if (created != 0 && created != -EEXIST) {
    return link_error("add the clsact qdisc", -created);
  }
  const bool made = created == 0 || made_qdisc(ifindex, owner.number());
  const std::uint32_t handle = kHandleBase | owner.number() << 1 | (made ? kMadeQdisc : 0);
  int status = 0;
  for (std::uint32_t priority = kFirstPriority; priority <= kLastPriority; ++priority) {
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program_fd, .handle = handle,
                .priority = priority);
    status = bpf_tc_attach(&hook, &options);
    if (status == 0) return ClsactFilter(ifindex, direction, handle, priority);
    // Of another kind, or another protocol, at this priority.
    if (status != -EINVAL && status != -EEXIST && status != -ENOENT) break;
  }
  return link_error(direction == TRAFFIC_INGRESS ? "attach to clsact ingress"
                                                 : "attach to clsact egress (is there an ingress "
                                                   "qdisc in its place? tc qdisc show)",
                    -status);
}

ClsactFilter::ClsactFilter(ClsactFilter&& other) noexcept
    : ifindex_(std::exchange(other.ifindex_, 0)),
      direction_(other.direction_),
      handle_(other.handle_),
      priority_(other.priority_) {}

ClsactFilter& ClsactFilter::operator=(ClsactFilter&& other) noexcept {
  std::swap(ifindex_, other.ifindex_);
  std::swap(direction_, other.direction_);
  std::swap(handle_, other.handle_);
  std::swap(priority_, other.priority_);
  return *this;
}

ClsactFilter::~ClsactFilter() {
  // Where it cannot be removed it is a leftover, for the next start to find.
  if (ifindex_ != 0) (void)!remove_filter({ifindex_, direction_, handle_, priority_});
}

Result<std::vector<ClsactLeftover>> clsact_leftovers(std::uint32_t ifindex,
                                                     const ClsactOwner* self) {
  std::vector<ClsactLeftover> left;
  const auto lives = [self](std::uint32_t owner) {
    if (self != nullptr && self->number() == owner) return false;
    return !bind_owner(owner).valid();
  };
  for (const traffic_direction direction : {TRAFFIC_INGRESS, TRAFFIC_EGRESS}) {
    const auto found = filters(ifindex, direction);
    if (!found) return tl::unexpected(found.error());
    for (const Filter& filter : *found) {
      if (filter.weirs && !lives(owner_of(filter.handle))) {
        left.push_back({ifindex, direction, filter.handle, filter.priority});
      }
    }
  }
  return left;
}

Result<> remove_clsact_leftover(const ClsactLeftover& leftover) { return remove_filter(leftover); }

}  // namespace weir
