#include "kernel/clsact.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "kernel/libbpf_log.h"
#include "kernel/link_error.h"
#include "kernel/netlink.h"
#include "kernel/qdisc_statistics.h"

namespace weir {
namespace {

// A handle: this, the owner's number, and whether the qdisc was made by a weir.
constexpr std::uint32_t kHandleBase = 0x77000000;
constexpr std::uint32_t kHandleMask = 0xff000000;
constexpr std::uint32_t kMadeQdisc = 1;
constexpr std::uint32_t kOwners = 1 << 23;
constexpr int kOwnerTries = 100;
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

struct OwnerAddress {
  sockaddr_un address{};
  socklen_t size = 0;

  explicit OwnerAddress(std::uint32_t number) {
    const std::string name = fmt::format("weir-clsact-{}", number);
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());  // abstract
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

Fd owner_socket() { return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

// Any user may take such an address: only root, or who runs this weir, is believed.
bool owner_lives(std::uint32_t number) {
  const Fd socket = owner_socket();
  const OwnerAddress address(number);
  if (!socket.valid()) return true;  // nothing is removed that may be in use
  // A queue of connections that is full is somebody's.
  if (::connect(socket.get(), address.get(), address.size) != 0) return errno == EAGAIN;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return true;
  return peer.uid == 0 || peer.uid == geteuid();
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
  const auto dumped =
      netlink->dump(RTM_GETTFILTER, header_bytes(question), [&](const NetlinkMessage& message) {
        tcmsg header{};
        if (message.type != RTM_NEWTFILTER || message.payload.size() < sizeof header) return;
        std::memcpy(&header, message.payload.data(), sizeof header);
        found.push_back({header.tcm_handle, TC_H_MAJ(header.tcm_info) >> 16,
                         is_weirs(message.payload, header.tcm_handle)});
      });
  if (!dumped) return tl::unexpected(dumped.error());
  return found;
}

// Whether a weir's filter says that a weir has made the interface's qdisc.
bool weir_made_qdisc(std::uint32_t ifindex) {
  for (const traffic_direction direction : {TRAFFIC_INGRESS, TRAFFIC_EGRESS}) {
    for (const Filter& filter : filters(ifindex, direction).value_or(std::vector<Filter>())) {
      if (filter.weirs && (filter.handle & kMadeQdisc) != 0) return true;
    }
  }
  return false;
}

bool has_filters_before(std::uint32_t ifindex, traffic_direction direction,
                        std::uint32_t priority) {
  const auto found = filters(ifindex, direction);
  return found && std::any_of(found->begin(), found->end(), [priority](const Filter& filter) {
           return !filter.weirs && filter.priority < priority;
         });
}

// An ingress qdisc, which has one direction only, is where clsact would be. The kernel takes
// filters for its egress, and runs them for packets that come in.
bool has_ingress_qdisc(std::uint32_t ifindex) {
  for (const auto& qdisc : read_qdisc_statistics().value_or(std::vector<QdiscStatistics>())) {
    if (qdisc.interface_index == ifindex && qdisc.kind == "ingress") return true;
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
  std::random_device random;
  for (int i = 0; i < kOwnerTries; ++i) {
    const std::uint32_t number = random() % kOwners;
    Fd socket = owner_socket();
    const OwnerAddress address(number);
    if (!socket.valid()) break;
    if (::bind(socket.get(), address.get(), address.size) == 0 && ::listen(socket.get(), 1) == 0) {
      return ClsactOwner(std::move(socket), number);
    }
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
  if (created != 0 && has_ingress_qdisc(ifindex)) {
    return failure(
        "attach by clsact: another program's ingress qdisc is in its place (to see it: tc qdisc "
        "show; to remove it: tc qdisc del dev NAME ingress)");
  }
  const bool made = created == 0 || weir_made_qdisc(ifindex);
  const std::uint32_t handle = kHandleBase | owner.number() << 1 | (made ? kMadeQdisc : 0);
  int status = 0;
  for (std::uint32_t priority = kFirstPriority; priority <= kLastPriority; ++priority) {
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program_fd, .handle = handle,
                .priority = priority);
    status = bpf_tc_attach(&hook, &options);
    if (status == 0) {
      return ClsactFilter(ifindex, direction, handle, priority,
                          has_filters_before(ifindex, direction, priority));
    }
    // Of another kind, or another protocol, at this priority.
    if (status != -EINVAL && status != -EEXIST && status != -ENOENT) break;
  }
  return link_error(
      direction == TRAFFIC_INGRESS ? "attach to clsact ingress" : "attach to clsact egress",
      -status);
}

bool ClsactFilter::is_there() const {
  const auto found = filters(ifindex_, direction_);
  if (!found) return true;  // it cannot be told
  return std::any_of(found->begin(), found->end(), [this](const Filter& filter) {
    return filter.handle == handle_ && filter.priority == priority_ && filter.weirs;
  });
}

ClsactFilter::ClsactFilter(ClsactFilter&& other) noexcept
    : ifindex_(std::exchange(other.ifindex_, 0)),
      direction_(other.direction_),
      handle_(other.handle_),
      priority_(other.priority_),
      behind_others_(other.behind_others_) {}

ClsactFilter& ClsactFilter::operator=(ClsactFilter&& other) noexcept {
  std::swap(ifindex_, other.ifindex_);
  std::swap(direction_, other.direction_);
  std::swap(handle_, other.handle_);
  std::swap(priority_, other.priority_);
  std::swap(behind_others_, other.behind_others_);
  return *this;
}

ClsactFilter::~ClsactFilter() {
  // Where it cannot be removed it is a leftover, for the next start to find.
  if (ifindex_ != 0) (void)!remove_filter({ifindex_, direction_, handle_, priority_});
}

Result<std::vector<ClsactLeftover>> clsact_leftovers(std::uint32_t ifindex) {
  std::vector<ClsactLeftover> left;
  for (const traffic_direction direction : {TRAFFIC_INGRESS, TRAFFIC_EGRESS}) {
    const auto found = filters(ifindex, direction);
    if (!found) return tl::unexpected(found.error());
    for (const Filter& filter : *found) {
      if (filter.weirs && !owner_lives(owner_of(filter.handle))) {
        left.push_back({ifindex, direction, filter.handle, filter.priority});
      }
    }
  }
  return left;
}

Result<> remove_clsact_leftover(const ClsactLeftover& leftover) { return remove_filter(leftover); }

}  // namespace weir
