// TcpStream: one TCP connection's two directions put back in order. Packets go in, in any order;
// ordered bytes, or a hole of known length, come out.
//
// - The first copy of a byte wins. Sequence numbers wrap.
// - A hole is waited for: kReorderWait when the receiver has acknowledged it (then it was lost to
//   the capture and nobody will send it again), kHoleWait else, and never beyond the bounds on
//   buffered bytes. Then it is reported as a gap. What the receiver has acknowledged is a hole too
//   where nothing was seen behind it.
// - Directions come in causal order: bytes that acknowledge data of the other direction are held
//   until that data has been delivered, or given up as a gap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/ledger.h"
#include "base/time.h"
#include "packet/packet.h"
#include "record/flow_key.h"
#include "stream/segment_pool.h"
#include "stream/tcp_health.h"

namespace weir {

// Consecutive bytes of one direction. `data` may be shorter than `length`: the rest was cut off by
// the snap length, or was not kept because the consumer had said it is unwanted.
struct Chunk {
  Bytes data;
  std::uint64_t length = 0;
  std::uint64_t offset = 0;  // in the direction's stream
  Nanos time = 0;            // of the packet that carried it
  Nanos ready = 0;           // when it and all before it had been seen
  std::uint64_t acked = 0;   // what of the other direction its packet acknowledged (offset)
  bool cut = false;          // the missing rest was cut off by the snap length
};

// What a TcpStream tells. Called from within TcpStream's own calls.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  virtual void on_bytes(Side side, const Chunk& chunk) noexcept = 0;
  virtual void on_gap(Side side, std::uint64_t offset, std::uint64_t length,
                      Nanos now) noexcept = 0;
  virtual void on_fin(Side side, std::uint64_t offset, Nanos now) noexcept = 0;
  // How many of the bytes that come next in this direction need not be kept.
  virtual std::uint64_t unwanted(Side side) const noexcept = 0;
};

// What the streams of one worker share.
struct StreamShared {
  SegmentPool& pool;
  TcpHealth& totals;
  Ledger& ledger;
};

class TcpStream {
 public:
  static constexpr Nanos kReorderWait = 100 * kMillisecond;
  static constexpr Nanos kHoleWait = 10 * kSecond;
  static constexpr std::size_t kMaxQueuedBytes = 1 << 20;  // a direction
  static constexpr std::size_t kMaxQueuedSegments = 1024;  // a direction

  enum class Verdict : std::uint8_t {
    kOk,
    kReset,     // a valid RST: the connection is over
    kFinished,  // both directions have ended and were delivered
    kReplaced,  // the packet belongs to a new connection between the same ends
  };

  // One direction's health, for the join.
  struct Health {
    std::uint32_t retransmitted_segments = 0, out_of_order = 0, duplicate_acks = 0,
                  zero_windows = 0;
    std::uint64_t retransmitted_bytes = 0;
  };

  TcpStream() = default;
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

  // kReplaced leaves the stream untouched; the caller closes it and gives the packet to a new one.
  // `Sink` is a StreamSink, by its own type, so that its on_bytes() is part of the short way.
  template <class Sink>
  Verdict on_packet(Side from, const Packet& packet, StreamShared& shared, Sink& sink);
  // Gives up holes whose time has come. `force`: all of them (end of the connection or the input).
  Verdict on_time(Nanos now, bool force, StreamShared& shared, StreamSink& sink);

  bool waiting() const { return !calm_ && is_waiting(); }
  // When on_time() can next do something; only meaningful while waiting().
  Nanos deadline() const;

  // True for payload of which not all has been delivered.
  bool is_new(Side from, const Packet& packet) const;

  // True when a SYN was seen, of either side.
  bool started() const { return halves_[0].syn_seen || halves_[1].syn_seen; }
  // The side that opened the connection; false when no SYN was seen.
  bool opener(Side& side) const;
  bool syn_seen(Side side) const { return halves_[index(side)].syn_seen; }
  std::uint64_t delivered(Side side) const { return halves_[index(side)].offset; }
  // Next sequence number expected of this side; meaningful once has_base().
  std::uint32_t next_sequence(Side side) const { return halves_[index(side)].next; }
  // The initial one; 0 when its SYN was not seen.
  std::uint32_t initial_sequence(Side side) const {
    const Half& half = halves_[index(side)];
    return half.syn_seen ? half.first - 1 : 0;
  }
  bool has_base(Side side) const { return halves_[index(side)].has_base; }
  const Health& health(Side side) const { return halves_[index(side)].health; }
  // SYN to the ACK of the SYN-ACK; 0 when not seen.
  Nanos handshake_ns() const { return handshake_ns_; }

 private:
  // Farther than this from the expected sequence number is no retransmission and no reordering: the
  // largest windows in use are some 16 MiB, a bulk transfer with losses may run a little ahead.
  static constexpr std::int32_t kWindow = 1 << 26;

  struct Half {
    std::unique_ptr<SegmentPool::Segment> queue;  // ordered by sequence, disjoint
    SegmentPool::Segment* tail = nullptr;         // last of queue
    std::uint64_t offset = 0;                     // delivered so far, gaps included
    Nanos blocked_since = 0;
    Nanos ready = 0;
    Nanos syn_time = 0;
    std::uint32_t first = 0, next = 0;  // sequence of the first byte, and of the next in order
    std::uint32_t first_ack = 0, highest_ack = 0;
    std::uint32_t fin_sequence = 0;
    std::uint32_t queued_bytes = 0, queued_segments = 0;
    std::uint16_t window = 0;
    std::uint8_t strangers = 0;  // segments in a row far outside the window
    bool seen = false;           // any packet of this side
    bool has_base = false, has_ack = false, syn_seen = false, syn_without_ack = false;
    bool fin_seen = false, finished = false;
    Health health;

    bool waiting(const Half& other) const {
      return queue || (fin_seen && !finished) || unseen(other) > 0;
    }
    // How many bytes the other side has acknowledged of which nothing was seen. A single one may be
    // the FIN; when the other side has ended too, it is.
    std::uint32_t unseen(const Half& other) const {
      if (!other.has_ack || !seen || finished) return 0;
      const std::uint32_t count = other.highest_ack - next;
      return count < std::uint32_t{kWindow} && (count > 1 || other.fin_seen) ? count : 0;
    }
    // Sequence number after the last delivered byte, without a FIN.
    std::uint32_t data_end() const { return finished ? next - 1 : next; }
  };

  bool is_usual(const Half& half, const Half& other, const Packet& packet) const;
  bool is_calm() const;
  bool is_waiting() const {
    return halves_[0].waiting(halves_[1]) || halves_[1].waiting(halves_[0]);
  }
  Verdict on_unusual(Side from, const Packet& packet, StreamShared& shared, StreamSink& sink);
  Verdict on_syn(Half& half, Half& other, const Packet& packet);
  void watch(Half& half, Half& other, const Packet& packet, TcpHealth& totals);
  void on_payload(Side from, const Packet& packet, StreamShared& shared, StreamSink& sink);
  void enqueue(Half& half, std::uint64_t unwanted, const Packet& packet, StreamShared& shared);
  template <class Sink>
  void deliver(Side from, Chunk&& chunk, bool has_ack, std::uint32_t acknowledgment, Sink& sink);
  static bool causal(const Half& other, bool has_ack, std::uint32_t acknowledgment);
  static bool is_far(std::uint32_t a, std::uint32_t b) {
    const std::int32_t d = distance(a, b);
    return d > kWindow || d < -kWindow;
  }
  // How far b is behind a in sequence space.
  static std::int32_t distance(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b);
  }
  bool drain(Side side, Nanos now, StreamShared& shared, StreamSink& sink);
  bool give_up(Side side, Nanos now, bool force, StreamShared& shared, StreamSink& sink);
  void skip_hole(Side side, std::uint32_t length, Nanos now, StreamSink& sink);
  void settle(Nanos now, bool force, StreamShared& shared, StreamSink& sink);
  Verdict verdict() const;

  Half halves_[2];
  Nanos handshake_ns_ = 0;
  // Both sides are known and in order: what changes that has gone through on_unusual().
  bool calm_ = false;
};

inline bool TcpStream::causal(const Half& other, bool has_ack, std::uint32_t acknowledgment) {
  if (!has_ack || !other.has_base || !other.seen) return true;
  const std::int32_t ahead = distance(acknowledgment, other.next);
  return ahead <= 0 || ahead > kWindow;
}

// Payload that comes next, in the middle of a connection of which nothing is missing: what is done
// for it would come out of on_unusual() too.
inline bool TcpStream::is_usual(const Half& half, const Half& other, const Packet& packet) const {
  const TcpHeader& tcp = packet.tcp;
  return calm_ && tcp.sequence == half.next && !tcp.syn && !tcp.fin && !tcp.rst && tcp.ack &&
         packet.payload_bytes > 0 && causal(other, true, tcp.acknowledgment);
}

template <class Sink>
TcpStream::Verdict TcpStream::on_packet(Side from, const Packet& packet, StreamShared& shared,
                                        Sink& sink) {
  Half& half = halves_[index(from)];
  Half& other = halves_[index(opposite(from))];
  if (!is_usual(half, other, packet)) [[unlikely]] {
    return on_unusual(from, packet, shared, sink);
  }
  shared.totals.segments.add();
  if (packet.tcp.window == 0) {
    watch(half, other, packet, shared.totals);
  } else {  // all of watch() that can apply
    half.window = packet.tcp.window;
    if (distance(packet.tcp.acknowledgment, half.highest_ack) > 0) {
      half.highest_ack = packet.tcp.acknowledgment;
      other.blocked_since = packet.time;
    }
  }
  shared.ledger.add(Count::kStreamSeen, packet.payload_bytes);
  deliver(from,
          {.data = packet.payload,
           .length = packet.payload_bytes,
           .time = packet.time,
           .cut = packet.payload.size() < packet.payload_bytes},
          true, packet.tcp.acknowledgment, sink);
  return Verdict::kOk;
}

template <class Sink>
void TcpStream::deliver(Side from, Chunk&& chunk, bool has_ack, std::uint32_t acknowledgment,
                        Sink& sink) {
  Half& half = halves_[index(from)];
  const Half& other = halves_[index(opposite(from))];
  half.ready = std::max(half.ready, chunk.time);
  chunk.ready = half.ready;
  chunk.offset = half.offset;
  if (has_ack && other.has_base) {
    const std::int64_t acked =
        static_cast<std::int64_t>(other.offset) + distance(acknowledgment, other.data_end());
    chunk.acked = static_cast<std::uint64_t>(
        std::clamp<std::int64_t>(acked, 0, static_cast<std::int64_t>(other.offset)));
  }
  half.offset += chunk.length;
  half.next += static_cast<std::uint32_t>(chunk.length);
  sink.on_bytes(from, chunk);
}

}  // namespace weir
