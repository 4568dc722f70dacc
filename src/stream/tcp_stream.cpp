#include "stream/tcp_stream.h"

#include <algorithm>

namespace weir {
namespace {

using Segment = SegmentPool::Segment;

constexpr std::uint8_t kMaxStrangers = 3;

Bytes from_offset(Bytes data, std::uint32_t offset) {
  return data.subspan(std::min<std::size_t>(offset, data.size()));
}

}  // namespace

TcpStream::Verdict TcpStream::on_unusual(Side from, const Packet& packet, StreamShared& shared,
                                         StreamSink& sink) {
  Half& half = halves_[index(from)];
  Half& other = halves_[index(opposite(from))];
  calm_ = false;  // until its end
  const TcpHeader& tcp = packet.tcp;
  if (tcp.syn) {
    const Verdict verdict = on_syn(half, other, packet);
    if (verdict != Verdict::kOk) return verdict;
  } else if (!tcp.rst) {
    if (!half.has_base) {
      half.has_base = true;
      half.first = half.next = tcp.sequence;
      // What the peer had not acknowledged when it was first seen came later, but was not captured.
      const std::int32_t hole = distance(tcp.sequence, other.first_ack);
      if (other.has_ack && hole > 0 && hole < kWindow) half.first = half.next = other.first_ack;
    } else if (is_far(tcp.sequence, half.next)) {
      if (half.strangers >= kMaxStrangers) return Verdict::kReplaced;
      ++half.strangers;
      shared.totals.segments.add();
      shared.ledger.add(Count::kStreamSeen, packet.payload_bytes);
      shared.ledger.add(Count::kStreamLostOutOfWindow, packet.payload_bytes);
      return Verdict::kOk;
    }
    if (tcp.ack && half.syn_seen && !other.has_base) {  // its SYN-ACK was not captured
      other.has_base = true;
      other.first = other.next = tcp.acknowledgment;
    }
  }
  shared.totals.segments.add();
  half.seen = true;
  half.strangers = 0;
  if (tcp.rst) {
    if (half.has_base && is_far(tcp.sequence, half.next)) return Verdict::kOk;
    if (half.has_ack && tcp.ack && distance(tcp.acknowledgment, half.highest_ack) > 0) {
      half.highest_ack = tcp.acknowledgment;
    }
    shared.totals.resets.add();
    return Verdict::kReset;
  }
  watch(half, other, packet, shared.totals);
  if (packet.payload_bytes > 0) on_payload(from, packet, shared, sink);
  if (tcp.fin && !half.fin_seen) {
    half.fin_seen = true;
    half.fin_sequence = tcp.sequence + (tcp.syn ? 1 : 0) + packet.payload_bytes;
    if (!half.queue) half.blocked_since = packet.time;
  }
  if (waiting()) settle(packet.time, false, shared, sink);
  calm_ = is_calm();
  return verdict();
}

bool TcpStream::is_calm() const {
  const auto calm = [this](const Half& half) {
    return half.seen && half.has_base && half.has_ack && half.strangers == 0 && !half.finished &&
           (handshake_ns_ != 0 || !half.syn_without_ack);
  };
  return calm(halves_[0]) && calm(halves_[1]) && !is_waiting();
}

TcpStream::Verdict TcpStream::on_time(Nanos now, bool force, StreamShared& shared,
                                      StreamSink& sink) {
  calm_ = false;
  settle(now, force, shared, sink);
  calm_ = is_calm();
  return verdict();
}

TcpStream::Verdict TcpStream::verdict() const {
  return halves_[0].finished && halves_[1].finished ? Verdict::kFinished : Verdict::kOk;
}

Nanos TcpStream::deadline() const {
  Nanos earliest = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const Half& half = halves_[i];
    const Half& other = halves_[1 - i];
    if (!half.waiting(other)) continue;
    const std::uint32_t sequence = half.queue      ? half.queue->sequence
                                   : half.fin_seen ? half.fin_sequence
                                                   : other.highest_ack;
    const bool acked = distance(sequence, half.next) <= 0 ||
                       (other.has_ack && distance(other.highest_ack, sequence) >= 0);
    const Nanos due = half.blocked_since + (acked ? kReorderWait : kHoleWait);
    if (earliest == 0 || due < earliest) earliest = due;
  }
  return earliest;
}

bool TcpStream::is_new(Side from, const Packet& packet) const {
  const Half& half = halves_[index(from)];
  return packet.payload_bytes > 0 && half.has_base &&
         distance(packet.tcp.sequence + packet.payload_bytes, half.next) > 0;
}

bool TcpStream::opener(Side& side) const {
  const Half& a = halves_[0];
  const Half& b = halves_[1];
  if (!a.syn_seen && !b.syn_seen) return false;
  if (a.syn_without_ack && b.syn_without_ack) {
    side = a.syn_time <= b.syn_time ? Side::kA : Side::kB;
  } else if (a.syn_without_ack || b.syn_without_ack) {
    side = a.syn_without_ack ? Side::kA : Side::kB;
  } else {
    side = a.syn_seen ? Side::kB : Side::kA;  // only a SYN-ACK was captured
  }
  return true;
}

// The base of a direction, and whether this SYN opens another connection than the one we know.
TcpStream::Verdict TcpStream::on_syn(Half& half, Half& other, const Packet& packet) {
  const TcpHeader& tcp = packet.tcp;
  const std::uint32_t first = tcp.sequence + 1;
  if (half.has_base && half.first == first) {
    if (half.syn_seen) ++half.health.retransmitted_segments;
  } else if (half.has_base && !half.syn_seen && distance(half.first, first) > 0 &&
             !is_far(half.first, first)) {
    // Captured after the first data: the same connection.
    if (half.offset == 0 && !half.queue) half.first = half.next = first;
  } else if (half.has_base) {
    if (!tcp.ack) return Verdict::kReplaced;
    const bool answers_ours = other.has_base && distance(tcp.acknowledgment, other.next) == 0;
    const bool unused = half.offset == 0 && !half.queue;
    if (!answers_ours) return Verdict::kReplaced;
    // Of several SYN-ACKs the one that the client acknowledges counts.
    if (!unused || (other.has_ack && other.highest_ack == half.first)) return Verdict::kOk;
    half.first = half.next = first;
  } else {
    half.has_base = true;
    half.first = half.next = first;
  }
  if (!half.syn_seen) {
    half.syn_seen = true;
    half.syn_time = packet.time;
    half.syn_without_ack = !tcp.ack;
  }
  return Verdict::kOk;
}

// Health, the highest acknowledgment and the handshake's round-trip time.
void TcpStream::watch(Half& half, Half& other, const Packet& packet, TcpHealth& totals) {
  const TcpHeader& tcp = packet.tcp;
  if (tcp.window == 0 && half.window != 0 && !tcp.syn) {
    ++half.health.zero_windows;
    totals.zero_windows.add();
  }
  if (tcp.ack) {
    if (!half.has_ack) half.first_ack = tcp.acknowledgment;
    if (!half.has_ack || distance(tcp.acknowledgment, half.highest_ack) > 0) {
      if (calm_ || !other.waiting(half)) other.blocked_since = packet.time;
      half.has_ack = true;
      half.highest_ack = tcp.acknowledgment;
    } else if (tcp.acknowledgment == half.highest_ack && packet.payload_bytes == 0 && !tcp.syn &&
               !tcp.fin && tcp.window == half.window && other.queue) {
      ++half.health.duplicate_acks;
      totals.duplicate_acks.add();
    }
    if (handshake_ns_ == 0 && half.syn_without_ack && !tcp.syn && other.syn_seen) {
      handshake_ns_ = packet.time - half.syn_time;
    }
  }
  half.window = tcp.window;
}

void TcpStream::on_payload(Side from, const Packet& packet, StreamShared& shared,
                           StreamSink& sink) {
  Half& half = halves_[index(from)];
  const Half& other = halves_[index(opposite(from))];
  const std::uint32_t sequence = packet.tcp.sequence + (packet.tcp.syn ? 1 : 0);
  const std::uint32_t length = packet.payload_bytes;
  shared.ledger.add(Count::kStreamSeen, length);
  const std::int32_t ahead = distance(sequence, half.next);
  const std::int64_t end = std::int64_t{ahead} + length;
  if (half.finished) {
    shared.ledger.add(
        end <= 0 ? Count::kStreamFilteredRetransmitted : Count::kStreamLostOutOfWindow, length);
    return;
  }
  if (end <= 0) {
    shared.ledger.add(Count::kStreamFilteredRetransmitted, length);
    if (length > 1 || end < 0) {  // one old byte is a keep-alive probe
      ++half.health.retransmitted_segments;
      half.health.retransmitted_bytes += length;
      shared.totals.retransmitted_segments.add();
      shared.totals.retransmitted_bytes.add(length);
    }
    return;
  }
  const bool overlaps = half.queue && distance(sequence + length, half.queue->sequence) > 0;
  if (ahead <= 0 && !overlaps && causal(other, packet.tcp.ack, packet.tcp.acknowledgment)) {
    const auto old = static_cast<std::uint32_t>(-ahead);
    shared.ledger.add(Count::kStreamFilteredRetransmitted, old);
    deliver(from,
            {.data = from_offset(packet.payload, old),
             .length = length - old,
             .time = packet.time,
             .cut = packet.payload.size() < length},
            packet.tcp.ack, packet.tcp.acknowledgment, sink);
    return;
  }
  if (ahead > 0) {
    ++half.health.out_of_order;
    shared.totals.out_of_order_segments.add();
  }
  if (!half.queue) half.blocked_since = packet.time;
  enqueue(half, sink.unwanted(from), packet, shared);
}

// Keeps what the queue does not hold yet. `unwanted` bytes from the next one on need no storage.
void TcpStream::enqueue(Half& half, std::uint64_t unwanted, const Packet& packet,
                        StreamShared& shared) {
  std::uint32_t start = packet.tcp.sequence + (packet.tcp.syn ? 1 : 0);
  const std::uint32_t base = start;
  const std::uint32_t end = start + packet.payload_bytes;
  if (distance(start, half.next) < 0) start = half.next;
  std::uint32_t kept = 0;
  Segment* before = nullptr;
  if (half.tail && distance(start, half.tail->sequence + half.tail->length) >= 0)
    before = half.tail;
  while (distance(end, start) > 0) {
    std::unique_ptr<Segment>& link = before ? before->next : half.queue;
    std::uint32_t stop = end;
    if (link) {
      const std::int32_t room = distance(link->sequence, start);
      if (room <= 0) {  // the queued copy wins
        const std::uint32_t after = link->sequence + link->length;
        if (distance(after, start) > 0) start = after;
        before = link.get();
        continue;
      }
      if (distance(end, link->sequence) > 0) stop = link->sequence;
    }
    const std::uint32_t length = stop - start;
    Bytes data = from_offset(packet.payload, start - base);
    if (data.size() > length) data = data.first(length);
    const bool is_cut = data.size() < length;
    const auto ahead = static_cast<std::uint64_t>(start - half.next);
    if (ahead + length <= unwanted) data = {};
    auto segment = shared.pool.take(data, length);
    segment->sequence = start;
    segment->acknowledgment = packet.tcp.acknowledgment;
    segment->has_ack = packet.tcp.ack;
    segment->cut = is_cut;
    segment->time = packet.time;
    segment->next = std::move(link);
    if (!segment->next) half.tail = segment.get();
    before = segment.get();
    link = std::move(segment);
    half.queued_bytes += static_cast<std::uint32_t>(data.size());
    ++half.queued_segments;
    kept += length;
    start = stop;
  }
  shared.ledger.add(Count::kStreamFilteredRetransmitted, packet.payload_bytes - kept);
}

// Delivers what is in order; true when something was.
bool TcpStream::drain(Side side, Nanos now, StreamShared& shared, StreamSink& sink) {
  Half& half = halves_[index(side)];
  const Half& other = halves_[index(opposite(side))];
  bool progress = false;
  while (half.queue) {
    Segment& head = *half.queue;
    const std::int32_t ahead = distance(head.sequence, half.next);
    const bool old = std::int64_t{ahead} + head.length <= 0;
    if (!old && (ahead > 0 || !causal(other, head.has_ack, head.acknowledgment))) break;
    std::unique_ptr<Segment> segment = std::move(half.queue);
    half.queue = std::move(segment->next);
    if (!half.queue) half.tail = nullptr;
    half.queued_bytes -= static_cast<std::uint32_t>(segment->data.size());
    --half.queued_segments;
    const auto passed = std::min(static_cast<std::uint32_t>(-ahead), segment->length);
    shared.ledger.add(Count::kStreamFilteredRetransmitted, passed);
    if (!old) {
      deliver(side,
              {.data = from_offset(segment->data, passed),
               .length = segment->length - passed,
               .time = segment->time,
               .cut = segment->cut},
              segment->has_ack, segment->acknowledgment, sink);
    }
    shared.pool.give(std::move(segment));
    half.blocked_since = now;
    progress = true;
  }
  if (half.fin_seen && !half.finished && distance(half.next, half.fin_sequence) >= 0) {
    half.finished = true;
    half.next = half.fin_sequence + 1;
    sink.on_fin(side, half.offset, now);
    progress = true;
  }
  return progress;
}

bool TcpStream::give_up(Side side, Nanos now, bool force, StreamShared& shared, StreamSink& sink) {
  Half& half = halves_[index(side)];
  Half& other = halves_[index(opposite(side))];
  if (!half.waiting(other)) return false;
  const bool must = force || half.queued_bytes > kMaxQueuedBytes ||
                    half.queued_segments > kMaxQueuedSegments || (half.queue && shared.pool.full());
  const Nanos waited = now - half.blocked_since;
  const std::uint32_t sequence = half.queue      ? half.queue->sequence
                                 : half.fin_seen ? half.fin_sequence
                                                 : other.highest_ack;
  const std::int32_t hole = distance(sequence, half.next);
  if (hole == 1 && !half.queue && !half.fin_seen) {
    if (!must && waited < kReorderWait) return false;
    half.fin_seen = true;
    half.fin_sequence = half.next;
    return true;
  }
  if (hole > 0) {
    const bool acked = other.has_ack && distance(other.highest_ack, sequence) >= 0;
    if (!must && waited < (acked ? kReorderWait : kHoleWait)) return false;
    skip_hole(side, static_cast<std::uint32_t>(hole), now, sink);
    return true;
  }
  if (!must && waited < kReorderWait) return false;
  // In order, but it acknowledges what the other direction has not shown.
  std::int32_t missing = distance(half.queue->acknowledgment, other.next);
  if (other.queue) missing = std::min(missing, distance(other.queue->sequence, other.next));
  if (missing > 0 && !other.finished) {
    skip_hole(opposite(side), static_cast<std::uint32_t>(missing), now, sink);
  } else {
    half.queue->has_ack = false;  // each side waits for the other: nonsense on the wire
  }
  return true;
}

void TcpStream::skip_hole(Side side, std::uint32_t length, Nanos now, StreamSink& sink) {
  Half& half = halves_[index(side)];
  const std::uint64_t offset = half.offset;
  half.offset += length;
  half.next += length;
  half.blocked_since = now;
  sink.on_gap(side, offset, length, now);
}

void TcpStream::settle(Nanos now, bool force, StreamShared& shared, StreamSink& sink) {
  for (;;) {
    const bool a = drain(Side::kA, now, shared, sink);
    const bool b = drain(Side::kB, now, shared, sink);
    if (a || b) continue;
    if (!give_up(Side::kA, now, force, shared, sink) &&
        !give_up(Side::kB, now, force, shared, sink)) {
      return;
    }
  }
}

}  // namespace weir
