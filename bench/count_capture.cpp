// bench_count_capture INTERFACE MIB: the least that captures. It takes every packet of an
// interface, whole, through a TPACKET_V3 ring of so many MiB, and counts them: no steering, no look
// at a byte. What a watched host pays beyond this is what weir costs. It shares no code with weir,
// so that a change there does not move what it is compared with.
//
// Says "ready" on stderr; on SIGINT or SIGTERM prints what it and the kernel have counted.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

namespace {

constexpr std::size_t kBlockBytes = std::size_t{512} * 1024;  // as weir's ring
constexpr unsigned kBlockMillis = 16;                         // also
constexpr int kWaitMillis = 100;

volatile std::sig_atomic_t stopped = 0;

void stop(int /*signal*/) { stopped = 1; }

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

template <class Value>
void set(int socket, int option, const Value& value, const char* what) {
  if (setsockopt(socket, SOL_PACKET, option, &value, sizeof value) != 0) fail(what);
}

class Ring {
 public:
  Ring(const char* interface, std::size_t blocks);

  // Counts the packets of the blocks that are ready, and gives them back.
  void count();
  void report() const;

 private:
  int socket_;
  std::size_t blocks_, next_ = 0;
  std::uint8_t* memory_ = nullptr;
  std::uint64_t packets_ = 0, bytes_ = 0;
};

Ring::Ring(const char* interface, std::size_t blocks)
    : socket_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)), blocks_(blocks) {
  if (socket_ < 0) fail("open a packet socket");
  set(socket_, PACKET_VERSION, int{TPACKET_V3}, "choose TPACKET_V3");
  tpacket_req3 request{};
  request.tp_block_size = kBlockBytes;
  request.tp_block_nr = static_cast<unsigned>(blocks);
  request.tp_frame_size = 2048;  // has no meaning here but must divide
  request.tp_frame_nr = request.tp_block_nr * (request.tp_block_size / request.tp_frame_size);
  request.tp_retire_blk_tov = kBlockMillis;
  set(socket_, PACKET_RX_RING, request, "make the ring");
  // A packet that loopback sends is the one it receives.
  if (std::string_view(interface) == "lo") {
    set(socket_, PACKET_IGNORE_OUTGOING, int{1}, "ignore what loopback sends");
  }
  void* memory =
      mmap(nullptr, blocks * kBlockBytes, PROT_READ | PROT_WRITE, MAP_SHARED, socket_, 0);
  if (memory == MAP_FAILED) fail("map the ring");
  memory_ = static_cast<std::uint8_t*>(memory);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
  if (address.sll_ifindex == 0) fail(interface);
  if (bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail("bind the packet socket");
  }
}

void Ring::count() {
  pollfd wanted{.fd = socket_, .events = POLLIN, .revents = 0};
  poll(&wanted, 1, kWaitMillis);
  while (true) {
    std::uint8_t* const start = memory_ + next_ * kBlockBytes;
    auto& block = reinterpret_cast<tpacket_block_desc*>(start)->hdr.bh1;
    if ((__atomic_load_n(&block.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return;
    const std::uint8_t* at = start + block.offset_to_first_pkt;
    for (std::uint32_t i = 0; i < block.num_pkts; ++i) {
      const auto& packet = *reinterpret_cast<const tpacket3_hdr*>(at);
      ++packets_;
      bytes_ += packet.tp_len;
      at += packet.tp_next_offset;
    }
    __atomic_store_n(&block.block_status, std::uint32_t{TP_STATUS_KERNEL}, __ATOMIC_RELEASE);
    next_ = next_ + 1 == blocks_ ? 0 : next_ + 1;
  }
}

void Ring::report() const {
  tpacket_stats_v3 kernel{};
  socklen_t size = sizeof kernel;
  if (getsockopt(socket_, SOL_PACKET, PACKET_STATISTICS, &kernel, &size) != 0) fail("statistics");
  std::printf("packets %lu bytes %lu seen %u lost %u\n", packets_, bytes_, kernel.tp_packets,
              kernel.tp_drops);
}

}  // namespace

int main(int count, char** arguments) {
  const long mebibytes = count == 3 ? std::atol(arguments[2]) : 0;
  if (mebibytes < 1) {
    std::fputs("usage: bench_count_capture INTERFACE MIB\n", stderr);
    return 2;
  }
  struct sigaction action{};
  action.sa_handler = stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  Ring ring(arguments[1], static_cast<std::size_t>(mebibytes) * 1024 * 1024 / kBlockBytes);
  std::fputs("ready\n", stderr);
  while (stopped == 0) ring.count();
  ring.count();
  ring.report();
  return 0;
}
