#include "lens/conversation.h"

#include <algorithm>
#include <limits>

#include "protocol/registry.h"

namespace weir {
namespace {

// Unread bytes of one direction: the longest thing a decoder may wait for is a DNS message over TCP
// (64 KiB) or a head of Limits::head_bytes.
constexpr std::size_t kMaxUnreadBytes = 160 << 10;
// So many places in a row that are not of the protocol mean that the connection is not either; of
// one that has shown some messages, rather that something in its bodies looks like more of them.
constexpr std::uint16_t kMaxErrors = 8, kMaxErrorsTrusted = 1024;
constexpr std::uint8_t kTrusted = 16;

}  // namespace

Conversation::Conversation(const FlowKey& key, LensShared& shared) : key_(key), shared_(shared) {
  Side server = Side::kA;
  const ForcedProtocol* forced = find_forced(shared.forced, key, Transport::kTcp, server);
  if (forced) accept(*forced->protocol, opposite(server), server);
}

Conversation::~Conversation() {
  for (const Side side : {Side::kA, Side::kB}) drop_unread(side, Count::kStreamLostEvicted);
  if (shared_.copies) copy_.forget(*shared_.copies);
}

TcpStream::Verdict Conversation::on_packet(Side from, const Packet& packet) {
  if (copy_.gone()) return on_let_go(from, packet);
  const bool first = !roles_known_ && packet.tcp.syn;
  const TcpStream::Verdict verdict = stream_.on_packet(from, packet, shared_.stream, *this);
  if (first && stream_.opener(client_)) roles_known_ = true;
  return verdict;
}

TcpStream::Verdict Conversation::on_time(Nanos now) {
  const TcpStream::Verdict verdict = stream_.on_time(now, false, shared_.stream, *this);
  if (protocol_) matcher_.on_time(now, *protocol_, shared_.match);
  return verdict;
}

Nanos Conversation::deadline() const {
  const Nanos matching = matcher_.deadline();
  if (!stream_.waiting()) return matching;
  return matching == 0 ? stream_.deadline() : std::min(matching, stream_.deadline());
}

void Conversation::close(Close reason, Nanos now) {
  (void)stream_.on_time(now, true, shared_.stream, *this);
  abandoned_ = reason == Close::kIdle || reason == Close::kEndOfInput;
  close_way(client_, reason);
  close_way(opposite(client_), reason);
  matcher_.close(reason, now, shared_.match);
}

// --- bytes from the stream -----------------------------------------------------------------------

std::uint64_t Conversation::unwanted(Side side) const noexcept {
  const Way& w = ways_[index(side)];
  return opaque_ || w.deaf ? std::numeric_limits<std::uint64_t>::max() : w.skip;
}

bool Conversation::is_alone(Side side, const Chunk& chunk) const {
  const Side peer = opposite(side);
  return chunk.acked == stream_.delivered(peer) && ways_[index(peer)].acked >= chunk.offset;
}

// All that came in this direction so far has been decoded, or passed over to its end.
bool Conversation::is_understood(Side side) const {
  const Way& w = ways_[index(side)];
  return w.decoder && !w.unread && w.skip == 0 && !w.resync;
}

void Conversation::on_bytes(Side side, const Chunk& chunk) noexcept {
  Way& w = way(side);
  if (opaque_ || w.deaf) {
    w.offset += chunk.length;
    shared_.counters.ledger.add(Count::kStreamFilteredOpaque, chunk.length);
    return;
  }
  const bool alone = is_alone(side, chunk);
  w.acked = chunk.acked;
  w.ready = chunk.ready;
  std::uint64_t skipped = 0;
  std::size_t passed = 0;
  if (w.skip > 0) {
    skipped = use_skip(side, chunk.length, chunk.ready);
    passed = std::min<std::uint64_t>(skipped, chunk.data.size());
    if (chunk.cut && chunk.data.size() < skipped && !shared_.copies) {
      matcher_.taint(direction_of(side), Quality::kTruncated, w.skip_stream);
    }
  }
  const Bytes data = chunk.data.subspan(passed);
  if (!data.empty()) {
    View view{data,
              nullptr,
              {chunk.offset + passed, chunk.time, chunk.ready, chunk.acked, alone && passed == 0}};
    feed(side, view);
  }
  std::uint64_t missing = chunk.length - std::max<std::uint64_t>(skipped, chunk.data.size());
  // What was cut because nobody needs it.
  if (missing > 0 && shared_.copies) missing -= use_skip(side, missing, chunk.ready);
  if (missing > 0) {
    shared_.counters.ledger.add(Count::kStreamLostTruncated, missing);
    if (shared_.copies && !opaque_) copy_.on_missed(*shared_.copies, server(), chunk.time);
    lose(side, missing, Quality::kTruncated, chunk.ready);
  }
  if (shared_.copies && !opaque_) on_copied(side, chunk);
}

// Tells the kernel what it need not copy of what comes next.
void Conversation::on_copied(Side side, const Chunk& chunk) {
  const Way& w = way(side);
  CopyPolicy::Piece piece;
  piece.length = chunk.length;
  const bool passed_over = w.decoder && !w.protocol->stateful && !w.resync && !w.unread;
  piece.needed = passed_over ? std::max(w.looked, chunk.offset) - chunk.offset : chunk.length;
  piece.skip = w.skip;
  piece.next_sequence = stream_.next_sequence(side);
  piece.initial_sequence = stream_.initial_sequence(side);
  piece.time = chunk.time;
  copy_.on_piece(*shared_.copies, key_, side, server(), piece);
}

// The kernel shows only the beginning and the end of this connection, and what was on its way when
// it was told.
TcpStream::Verdict Conversation::on_let_go(Side from, const Packet& packet) {
  Ledger& ledger = shared_.counters.ledger;
  ledger.add(Count::kStreamSeen, packet.payload_bytes);
  ledger.add(Count::kStreamFilteredOpaque, packet.payload_bytes);
  shared_.counters.tcp.segments.add();
  if (packet.tcp.syn) return TcpStream::Verdict::kReplaced;
  if (packet.tcp.rst) {
    shared_.counters.tcp.resets.add();
    return TcpStream::Verdict::kReset;
  }
  if (packet.tcp.fin) way(from).ended = true;
  const bool both = ways_[0].ended && ways_[1].ended;
  return both ? TcpStream::Verdict::kFinished : TcpStream::Verdict::kOk;
}

void Conversation::on_gap(Side side, std::uint64_t /*offset*/, std::uint64_t length,
                          Nanos now) noexcept {
  if (copy_.gone()) return;  // nobody wanted to see it
  shared_.counters.ledger.add(Count::kStreamSeen, length);
  shared_.counters.ledger.add(Count::kStreamLostGap, length);
  lose(side, length, Quality::kGap, now);
}

void Conversation::on_fin(Side side, std::uint64_t /*offset*/, Nanos now) noexcept {
  way(side).ready = std::max(way(side).ready, now);
  const bool understood = is_understood(side);
  close_way(side, Close::kFin);
  if (!roles_known_ || side == client_) return;
  // A client that ends first, and without a reset, has got all that it waited for.
  if (understood && way(client_).closed) matcher_.realign(shared_.match);
  matcher_.close(Close::kFin, now, shared_.match);
}

void Conversation::close_way(Side side, Close reason) {
  Way& w = way(side);
  if (w.closed) return;
  w.closed = true;
  drop_unread(side, w.decoder ? Count::kStreamLostCut : Count::kStreamFilteredOpaque);
  if (w.decoder) w.decoder->close(direction_of(side), reason, w.offset, *this);
  matcher_.cut(direction_of(side), w.offset);
}

// Passes over bytes that are not needed; how many of the `available` there were.
std::uint64_t Conversation::use_skip(Side side, std::uint64_t available, Nanos ready) {
  Way& w = way(side);
  if (w.skip == 0) return 0;
  const std::uint64_t count = std::min(w.skip, available);
  w.skip -= count;
  w.offset += count;
  shared_.counters.ledger.add(Count::kStreamDelivered, count);
  matcher_.passed(direction_of(side), w.offset, ready, shared_.match);
  return count;
}

// Bytes that nobody has: harmless inside a skip, else the decoder has to find its way again.
void Conversation::lose(Side side, std::uint64_t length, Quality quality, Nanos now) {
  Way& w = way(side);
  if (opaque_ || w.deaf) {
    w.offset += length;
    return;
  }
  if (w.skip > 0) {
    matcher_.taint(direction_of(side), quality, w.skip_stream);
    const std::uint64_t count = std::min(w.skip, length);
    w.skip -= count;
    w.offset += count;
    length -= count;
    // They came no earlier than what stands before them; nobody saw when.
    matcher_.passed(direction_of(side), w.offset, w.ready, shared_.match);
  }
  if (length == 0) return;
  // Of a client that waits for its answers, what was lost here had acknowledged all before it.
  if (matcher_.waits()) w.acked = stream_.delivered(opposite(side));
  const std::uint64_t before = w.offset;
  drop_unread(side, Count::kStreamLostDecode);
  if (w.decoder) {
    matcher_.taint(direction_of(side), quality);
    w.decoder->gap(direction_of(side), w.offset - before + length, *this);
    w.resync = true;
    matcher_.gap(direction_of(side), quality, *w.protocol, now, shared_.match);
  } else {
    w.broken = true;
  }
  w.offset += length;
}

void Conversation::feed(Side side, View& view) {
  Way& w = way(side);
  if (w.unread) {
    w.unread->append(view.bytes, view.mark);
    shared_.unread.grew(view.bytes.size());
    feed_unread(side);
  } else {
    run(side, view);
    if (!view.bytes.empty()) keep(side, view);
  }
  const Side peer = opposite(side);
  if (way(peer).unread && way(peer).decoder && !opaque_) feed_unread(peer);
}

// Decodes what is waiting in this direction.
void Conversation::feed_unread(Side side) {
  Way& w = way(side);
  std::unique_ptr<Unread> unread = std::move(w.unread);
  View view{unread->data, unread.get(), {}};
  run(side, view);
  const std::size_t consumed = unread->data.size() - view.bytes.size();
  shared_.unread.shrank(consumed);
  if (view.bytes.empty()) {
    shared_.unread.give(std::move(unread));
  } else {
    if (consumed > 0) unread->consume(consumed, w.offset);
    w.unread = std::move(unread);
  }
}

// Copies what could not be consumed yet.
void Conversation::keep(Side side, const View& view) {
  Way& w = way(side);
  if (shared_.unread.full()) {
    shared_.counters.ledger.add(Count::kStreamLostEvicted, view.bytes.size());
    lose(side, view.bytes.size(), Quality::kGap, w.ready);
    return;
  }
  Mark mark = view.mark;
  mark.alone = mark.alone && mark.offset == w.offset;
  mark.offset = w.offset;
  w.unread = shared_.unread.take();
  w.unread->append(view.bytes, mark);
  shared_.unread.grew(view.bytes.size());
}

void Conversation::drop_unread(Side side, Count how) {
  Way& w = way(side);
  if (!w.unread) return;
  const std::size_t size = w.unread->data.size();
  w.offset += size;
  shared_.counters.ledger.add(how, size);
  shared_.unread.shrank(size);
  shared_.unread.give(std::move(w.unread));
}

void Conversation::advance(Side side, View& view, std::size_t count, Count how) {
  way(side).offset += count;
  view.bytes = view.bytes.subspan(count);
  shared_.counters.ledger.add(how, count);
}

// --- decoding ------------------------------------------------------------------------------------

void Conversation::run(Side side, View& view) {
  Way& w = way(side);
  while (!view.bytes.empty()) {
    if (!w.decoder) [[unlikely]] {
      if (opaque_ || w.deaf) {
        advance(side, view, view.bytes.size(), Count::kStreamFilteredOpaque);
        return;
      }
      Detection detection = detect(side, view.bytes);
      if (detection != Detection::kFound) detection = detect_latest(side, view, detection);
      if (detection == Detection::kWait) return;
      if (detection == Detection::kNone) {
        not_recognised(side, view);
        return;
      }
      // What the client had sent before comes first.
      const Side peer = opposite(side);
      if (peer == client_ && way(peer).unread) feed_unread(peer);
      if (!w.decoder) continue;  // that made the connection opaque
    }
    if (!decode_step(side, view)) return;
    // An answer may have told what the bytes are that the client sent after its request.
    const Side peer = opposite(side);
    if (peer == client_ && way(peer).unread && way(peer).decoder) feed_unread(peer);
  }
}

// One call of the decoder; false when more bytes are needed.
bool Conversation::decode_step(Side side, View& view) {
  Way& w = way(side);
  const Direction direction = direction_of(side);
  if (w.resync) [[unlikely]] {
    const std::size_t discard =
        std::min(w.decoder->resync(direction, view.bytes), view.bytes.size());
    advance(side, view, discard, Count::kStreamLostDecode);
    if (view.bytes.empty()) return false;
    w.resync = false;
  }
  current_ = &view;
  current_side_ = side;
  Step step = w.decoder->decode(direction, view.bytes, w.offset, *this);
  current_ = nullptr;
  const std::size_t consumed = std::min(step.consumed, view.bytes.size());
  advance(side, view, consumed, Count::kStreamDelivered);
  w.looked = w.offset - std::min(step.passed, consumed);
  if (step.skip > 0) {
    w.skip = step.skip;
    w.skip_stream = step.stream_id;
    const std::uint64_t skipped = use_skip(side, view.bytes.size(), w.ready);
    view.bytes = view.bytes.subspan(static_cast<std::size_t>(skipped));
  }
  switch (step.verdict) {
    case Verdict::kProgress:
      if (consumed > 0 || step.skip > 0) return true;
      [[fallthrough]];
    case Verdict::kNeedMore:
      if (view.bytes.size() > kMaxUnreadBytes) {
        refuse(side, view);
        return true;
      }
      return false;
    case Verdict::kInvalid:
      refuse(side, view);
      return true;
    case Verdict::kSwitch:
      leave(side, step.next);
      return true;
    case Verdict::kOpaque:
      go_opaque(w.ready);
      return true;
  }
  return false;
}

// The decoder does not understand what comes next.
void Conversation::refuse(Side side, View& view) {
  Way& w = way(side);
  shared_.counters.decode_errors[protocol_index(*w.protocol)].add();
  if (++errors_ > (messages_ < kTrusted ? kMaxErrors : kMaxErrorsTrusted)) {
    go_opaque(w.ready);
    return;
  }
  matcher_.gap(direction_of(side), Quality::kGap, *w.protocol, w.ready, shared_.match);
  if (!view.bytes.empty()) advance(side, view, 1, Count::kStreamLostDecode);
  w.resync = true;
}

void Conversation::on(const Message& message) noexcept {
  const Side side = side_of(message.direction);
  const Way& w = way(side);
  errors_ = 0;
  if (messages_ < kTrusted) ++messages_;
  Matcher::Arrival arrival;
  arrival.flow = &key_;
  arrival.client = client_;
  arrival.joined = !stream_.started();
  if (current_ && current_side_ == side) {
    const std::uint64_t available = w.offset + current_->bytes.size();
    const Mark& begin = current_->at(message.begin);
    arrival.first = begin.time;
    arrival.acked = begin.acked;
    arrival.alone = begin.alone && begin.offset == message.begin;
    if (matcher_.unsynced()) {
      const Side peer = opposite(side);
      arrival.settled = is_understood(peer) && way(peer).offset == begin.acked;
    }
    arrival.complete = message.end <= available;
    const std::uint64_t last = arrival.complete ? message.end : available;
    arrival.last = current_->at(std::max(last, message.begin + 1) - 1).ready;
  } else {
    arrival.first = arrival.last = w.ready;
    arrival.complete = message.end <= w.offset;
  }
  matcher_.on(message, arrival, *w.protocol, shared_.match);
}

std::optional<std::string_view> Conversation::asked(std::uint64_t stream_id, std::uint64_t begin,
                                                    const Field& field) noexcept {
  return matcher_.asked(stream_id, begin, field);
}

void Conversation::end(Direction direction, std::uint64_t stream_id,
                       const MessageEnd& end) noexcept {
  if (abandoned_ && !end.passed) return;  // nobody knows whether it has ended
  const Side side = side_of(direction);
  const Way& w = way(side);
  const bool here = current_ && current_side_ == side;
  const bool complete = end.end <= w.offset + (here ? current_->bytes.size() : 0);
  const Nanos last = here && complete && end.end > 0 ? current_->at(end.end - 1).ready : w.ready;
  matcher_.end(direction, stream_id, end, complete, last, shared_.match);
}

void Conversation::go_opaque(Nanos now) {
  opaque_ = true;
  for (const Side side : {Side::kA, Side::kB}) {
    drop_unread(side, Count::kStreamFilteredOpaque);
    way(side).decoder = nullptr;
    way(side).skip = 0;
  }
  matcher_.close(Close::kIdle, now, shared_.match);
  release_decoders();
  if (!shared_.copies) return;
  copy_.let_go(*shared_.copies, key_,
               {stream_.initial_sequence(Side::kA), stream_.initial_sequence(Side::kB)});
}

}  // namespace weir
