#include "packet/capture_ring.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "kernel/privileges.h"
#include "packet/live_filter.h"

namespace weir {
namespace {

template <class Value>
Result<> set_option(int socket, int option, const Value& value, const char* what) {
  if (setsockopt(socket, SOL_PACKET, option, &value, sizeof value) == 0) return {};
  return system_failure(what);
}

// PACKET_FANOUT_FLAG_IGNORE_OUTGOING, which the headers of Linux 6.1 do not have. A kernel that
// does not know it keeps it and does nothing.
constexpr std::uint32_t kIgnoreOutgoing = 0x4000;

std::uint32_t group_type(bool incoming_only) {
  return std::uint32_t{PACKET_FANOUT_EBPF} | (incoming_only ? kIgnoreOutgoing : 0);
}

}  // namespace

Result<std::unique_ptr<CaptureRing>> CaptureRing::open(std::size_t ring_bytes) {
  // With protocol 0 the socket receives nothing before bind(), by which time it has a filter.
  Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) {
    const int error = errno;
    std::string what = "open a packet socket";
    if (error == EPERM) what += " (" + what_is_missing({Capability::kNetRaw}) + ")";
    return system_failure(std::move(what), error);
  }
  Fd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return system_failure("open a packet socket: make its wake-up");
  std::unique_ptr<CaptureRing> ring(new CaptureRing(std::move(socket), std::move(wake)));
  if (auto filtered = ring->set_filter(LiveFilter::nothing()); !filtered) {
    return tl::unexpected(filtered.error());
  }
  if (auto mapped = ring->map(ring_bytes); !mapped) return tl::unexpected(mapped.error());
  return ring;
}

Result<> CaptureRing::map(std::size_t ring_bytes) {
  const int version = TPACKET_V3;
  if (auto set = set_option(socket_.get(), PACKET_VERSION, version,
                            "choose the packet ring's version TPACKET_V3");
      !set) {
    return set;
  }
  // Fewer than two blocks would leave the kernel none to fill while one is read.
  const std::size_t blocks = std::max<std::size_t>(2, ring_bytes / kBlockBytes);
  tpacket_req3 request{};
  request.tp_block_size = kBlockBytes;
  request.tp_block_nr = static_cast<unsigned>(blocks);
  // Packets of TPACKET_V3 lie one behind the other: the frame size has no meaning but must divide.
  request.tp_frame_size = TPACKET_ALIGNMENT << 7;
  request.tp_frame_nr = request.tp_block_nr * (request.tp_block_size / request.tp_frame_size);
  request.tp_retire_blk_tov = static_cast<unsigned>(kBlockTime.count());
  const auto advice =
      fmt::format("make a packet ring of {} MiB (choose a smaller one, or fewer workers)",
                  blocks * kBlockBytes >> 20);
  if (auto set = set_option(socket_.get(), PACKET_RX_RING, request, advice.c_str()); !set)
    return set;
  void* memory =
      mmap(nullptr, blocks * kBlockBytes, PROT_READ | PROT_WRITE, MAP_SHARED, socket_.get(), 0);
  if (memory == MAP_FAILED) return system_failure(advice);
  memory_ = static_cast<std::uint8_t*>(memory);
  blocks_ = blocks;
  return {};
}

CaptureRing::~CaptureRing() {
  if (memory_ != nullptr) munmap(memory_, blocks_ * kBlockBytes);
}

Result<> CaptureRing::bind(std::uint32_t interface_index) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(interface_index);
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return {};
  }
  return system_failure("bind a packet socket to its interface");
}

Result<> CaptureRing::ignore_outgoing() {
  return set_option(socket_.get(), PACKET_IGNORE_OUTGOING, int{1}, "ignore what loopback sends");
}

Result<> CaptureRing::set_filter(std::span<const sock_filter> program) {
  sock_fprog request{};
  request.len = static_cast<unsigned short>(program.size());
  request.filter = const_cast<sock_filter*>(program.data());  // the kernel only reads it
  if (setsockopt(socket_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &request, sizeof request) == 0) {
    return {};
  }
  return system_failure("attach the capture filter");
}

Result<> CaptureRing::set_filter(int ebpf_program) {
  if (setsockopt(socket_.get(), SOL_SOCKET, SO_ATTACH_BPF, &ebpf_program, sizeof ebpf_program) ==
      0) {
    return {};
  }
  return system_failure("attach the capture filter");
}

Result<> CaptureRing::set_promiscuous(std::uint32_t interface_index) {
  packet_mreq request{};
  request.mr_ifindex = static_cast<int>(interface_index);
  request.mr_type = PACKET_MR_PROMISC;
  return set_option(socket_.get(), PACKET_ADD_MEMBERSHIP, request, "enter promiscuous mode");
}

Result<std::uint16_t> CaptureRing::start_group(int steering_program, bool incoming_only) {
  // An id of 0 with this flag: the kernel chooses one that is free.
  const std::uint32_t fresh = (group_type(incoming_only) | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
  if (auto set = set_option(socket_.get(), PACKET_FANOUT, fresh, "start a group of packet sockets");
      !set) {
    return tl::unexpected(set.error());
  }
  if (auto set = set_option(socket_.get(), PACKET_FANOUT_DATA, steering_program,
                            "steer packets to workers");
      !set) {
    return tl::unexpected(set.error());
  }
  std::uint32_t group = 0;
  socklen_t size = sizeof group;
  if (getsockopt(socket_.get(), SOL_PACKET, PACKET_FANOUT, &group, &size) != 0) {
    return system_failure("ask for the group of packet sockets");
  }
  return static_cast<std::uint16_t>(group & 0xffff);
}

Result<> CaptureRing::join_group(std::uint16_t id, bool incoming_only) {
  const std::uint32_t group = id | group_type(incoming_only) << 16;
  return set_option(socket_.get(), PACKET_FANOUT, group, "join a group of packet sockets");
}

const tpacket_block_desc* CaptureRing::next_block() const noexcept {
  const auto* block = reinterpret_cast<const tpacket_block_desc*>(memory_ + next_ * kBlockBytes);
  // Acquire: the kernel has written the packets before it gave the block away.
  const auto status = __atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE);
  return (status & TP_STATUS_USER) != 0 ? block : nullptr;
}

void CaptureRing::give_back(const tpacket_block_desc* block) noexcept {
  auto& status = const_cast<tpacket_block_desc*>(block)->hdr.bh1.block_status;
  __atomic_store_n(&status, std::uint32_t{TP_STATUS_KERNEL}, __ATOMIC_RELEASE);
  next_ = next_ + 1 == blocks_ ? 0 : next_ + 1;
}

void CaptureRing::wait(std::chrono::milliseconds timeout) noexcept {
  std::array<pollfd, 2> fds{{{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
  ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
  if ((fds[0].revents & POLLERR) == 0) return;
  // The bound interface is down or gone. Reading the error clears it, so that the next wait waits;
  // the kernel resumes when the interface is up again, and bind() when there is a new one.
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
}

void CaptureRing::stop() noexcept {
  stopped_.store(true, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

CaptureStatistics CaptureRing::statistics() noexcept {
  tpacket_stats_v3 fresh{};
  socklen_t size = sizeof fresh;
  if (getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &fresh, &size) == 0) {
    statistics_.packets += fresh.tp_packets;
    statistics_.drops += fresh.tp_drops;
  }
  return statistics_;
}

}  // namespace weir
