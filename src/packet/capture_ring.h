// CaptureRing: packets from the kernel through memory shared with it (AF_PACKET, TPACKET_V3).
// Call order: open, bind, join a group if there is one, set_filter; then poll() from one thread.
// Other threads may meanwhile call stop() and, one of them, bind(), set_filter(),
// set_promiscuous().
#pragma once

#include <linux/filter.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "packet/captured_frame.h"

namespace weir {

// Packets that passed the filter: all, and of them those for which the ring had no room.
struct CaptureStatistics {
  std::uint64_t packets = 0;
  std::uint64_t drops = 0;
};

class CaptureRing {
 public:
  // Of a packet this much is captured: the largest that a host makes by default is 64 KiB, with
  // BIG TCP as it is usually set 192 KiB.
  static constexpr std::uint32_t kSnapLength = 256 * 1024;
  // A packet lies in one block, so half of one at most is wasted. A full block wakes the reader:
  // in smaller ones (128 KiB) what each wake-up costs the watched server showed, some 5 %, and its
  // shorter bursts did not. Also the grain of ring sizes.
  static constexpr std::size_t kBlockBytes = 512 * 1024;
  // Rides out 10 ms of 25 Gbit/s; and as the kernel hands over a block that is not full after
  // kBlockTime, its 64 blocks also ride out a reader that is away for a second of light traffic.
  static constexpr std::size_t kDefaultBytes = 32 * 1024 * 1024;
  // How long a packet waits at most for others to join it. An idle ring wakes nobody.
  static constexpr std::chrono::milliseconds kBlockTime{16};

  // Takes in nothing yet. Needs CAP_NET_RAW.
  static Result<std::unique_ptr<CaptureRing>> open(std::size_t ring_bytes = kDefaultBytes);
  ~CaptureRing();
  CaptureRing(const CaptureRing&) = delete;
  CaptureRing& operator=(const CaptureRing&) = delete;

  // To one interface, or to all with index 0. A ring outside a group may be bound anew. What it
  // takes in is nothing until set_filter().
  Result<> bind(std::uint32_t interface_index);
  // Bound to loopback: spares the kernel the copies going out. Anywhere else it would hide them.
  Result<> ignore_outgoing();
  Result<> set_filter(std::span<const sock_filter> program);
  Result<> set_filter(int ebpf_program);
  Result<> set_promiscuous(std::uint32_t interface_index);

  // The first ring of a group that spreads packets by a steering program; its id is for the others.
  // `incoming_only` as ignore_outgoing(), and the same for all of them.
  Result<std::uint16_t> start_group(int steering_program, bool incoming_only);
  Result<> join_group(std::uint16_t id, bool incoming_only);

  enum class Event : std::uint8_t { kFrames, kNone, kStopped };

  // Waits for packets up to `timeout`, and hands them to visit(const Frame&), which must not throw.
  // Frames are valid during their visit. Comes back after one turn of the ring at most.
  template <class Visit>
  Event poll(std::chrono::milliseconds timeout, Visit&& visit) noexcept;

  // Makes this and every later poll() return kStopped, after what the ring holds has been visited.
  void stop() noexcept;
  // Since open(). For one thread: the kernel forgets what it has told.
  CaptureStatistics statistics() noexcept;
  std::size_t ring_bytes() const { return blocks_ * kBlockBytes; }

 private:
  explicit CaptureRing(Fd socket, Fd wake) : socket_(std::move(socket)), wake_(std::move(wake)) {}
  Result<> map(std::size_t ring_bytes);
  // Null when the next block is still the kernel's.
  const tpacket_block_desc* next_block() const noexcept;
  void give_back(const tpacket_block_desc* block) noexcept;
  void wait(std::chrono::milliseconds timeout) noexcept;

  Fd socket_, wake_;
  std::uint8_t* memory_ = nullptr;
  std::size_t blocks_ = 0, next_ = 0;
  std::atomic<bool> stopped_{false};
  CaptureStatistics statistics_;
};

template <class Visit>
CaptureRing::Event CaptureRing::poll(std::chrono::milliseconds timeout, Visit&& visit) noexcept {
  if (next_block() == nullptr) wait(timeout);
  const bool stopped = stopped_.load(std::memory_order_relaxed);
  Event event = Event::kNone;
  for (std::size_t turn = 0; turn < blocks_; ++turn) {
    const tpacket_block_desc* block = next_block();
    if (block == nullptr) break;
    const auto& header = block->hdr.bh1;
    const auto* at = reinterpret_cast<const std::uint8_t*>(block) + header.offset_to_first_pkt;
    for (std::uint32_t i = 0; i < header.num_pkts; ++i) {
      const auto& packet = *reinterpret_cast<const tpacket3_hdr*>(at);
      visit(captured_frame(packet));
      at += packet.tp_next_offset;
    }
    give_back(block);
    event = Event::kFrames;
  }
  return stopped ? Event::kStopped : event;
}

}  // namespace weir
