// Which protocol a conversation speaks: by its first bytes, the other side's, and hints.
#include <algorithm>

#include "lens/conversation.h"
#include "protocol/registry.h"

namespace weir {
namespace {

// Chunks that may pass unrecognised: few where the beginning was seen, more when joined in a body.
constexpr std::uint8_t kMaxAttempts = 4;
constexpr std::uint8_t kMaxAttemptsBroken = 64;

}  // namespace

Conversation::Detection Conversation::detect(Side side, Bytes bytes) {
  const Bytes head = bytes.first(std::min(bytes.size(), Protocol::kMatchBytes));
  bool more = false;
  const Protocol* maybe = nullptr;
  Direction maybe_direction = Direction::kToServer;
  for (const bool reversed : {false, true}) {
    const Direction direction = (direction_of(side) == Direction::kToServer) != reversed
                                    ? Direction::kToServer
                                    : Direction::kToClient;
    for (const Protocol* protocol : protocols()) {
      if (!protocol->transports.tcp || has_port(key_, protocol->never_ports)) continue;
      const Match match = protocol->match(head, direction, Transport::kTcp);
      if (match == Match::kYes) {
        accept(*protocol, direction == Direction::kToServer ? side : opposite(side), side);
        return Detection::kFound;
      }
      if (reversed && roles_known_) continue;  // against the handshake only what is unmistakable
      if (match == Match::kNeedMore) more = true;
      if (match == Match::kMaybe && !maybe) {
        maybe = protocol;
        maybe_direction = direction;
      }
    }
  }
  const bool room = bytes.size() < Protocol::kMatchBytes;
  if (maybe && consider_maybe(side, *maybe, maybe_direction) == Detection::kFound) {
    return Detection::kFound;
  }
  return (more || maybe) && room ? Detection::kWait : Detection::kNone;
}

// Joined in the middle of something: what came last may be a beginning.
Conversation::Detection Conversation::detect_latest(Side side, View& view, Detection whole) {
  if (!view.unread || stream_.syn_seen(side)) return whole;
  const std::uint64_t offset = way(side).offset;
  const std::uint64_t latest = view.unread->marks.back().offset;
  if (latest <= offset) return whole;
  const auto before = static_cast<std::size_t>(latest - offset);
  if (detect(side, view.bytes.subspan(before)) != Detection::kFound) return whole;
  advance(side, view, before, Count::kStreamFilteredOpaque);
  return Detection::kFound;
}

// What looks like a protocol is taken for it when a port or the other side agrees.
Conversation::Detection Conversation::consider_maybe(Side side, const Protocol& protocol,
                                                     Direction direction) {
  const bool agreed = candidate_ == &protocol && way(opposite(side)).unread;
  if (!agreed && !has_port(key_, protocol.ports)) {
    candidate_ = &protocol;
    return Detection::kWait;
  }
  Side client = direction == Direction::kToServer ? side : opposite(side);
  if (!roles_known_) {
    for (const std::uint16_t port : protocol.ports) {
      if (key_.end(opposite(client)).port == port) break;
      if (key_.end(client).port != port) continue;
      client = opposite(client);
      break;
    }
  }
  accept(protocol, client, side);
  return Detection::kFound;
}

void Conversation::accept(const Protocol& protocol, Side client, Side found_on) {
  protocol_ = &protocol;
  candidate_ = nullptr;
  client_ = client;
  roles_known_ = true;
  Decoder* decoder = make_decoder(protocol);
  for (const Side side : {Side::kA, Side::kB}) {
    Way& w = way(side);
    if (w.broken) matcher_.lose_count();
    if (w.decoder) continue;
    w.decoder = decoder;
    w.protocol = &protocol;
    const bool joined = w.offset == 0 && !stream_.syn_seen(side) && stream_.has_base(side);
    w.resync = w.broken || (side != found_on && (w.deaf || w.attempts > 0 || joined));
    w.deaf = false;
  }
}

Decoder* Conversation::make_decoder(const Protocol& protocol) {
  std::unique_ptr<Decoder>& slot = decoders_[0] ? decoders_[1] : decoders_[0];
  slot = protocol.make(shared_.limits, Transport::kTcp);
  return slot.get();
}

void Conversation::release_decoders() {
  for (std::unique_ptr<Decoder>& decoder : decoders_) {
    if (decoder.get() != ways_[0].decoder && decoder.get() != ways_[1].decoder) decoder.reset();
  }
}

// This direction speaks something else from here on.
void Conversation::leave(Side side, const Protocol* next) {
  Way& w = way(side);
  const Way& peer = way(opposite(side));
  Decoder* const left = w.decoder;
  w.decoder = nullptr;
  w.attempts = 0;
  w.resync = w.broken = false;
  if (peer.decoder && peer.decoder != left && (!next || peer.protocol == next)) {
    w.decoder = peer.decoder;
    w.protocol = peer.protocol;
  }
  release_decoders();
  if (w.decoder || !next) return;
  w.decoder = make_decoder(*next);
  w.protocol = protocol_ = next;
}

// None of the protocols: these bytes are opaque, and after some attempts the direction is.
void Conversation::not_recognised(Side side, View& view) {
  Way& w = way(side);
  const bool from_start = !w.broken && stream_.syn_seen(side) && w.offset == 0;
  advance(side, view, view.bytes.size(), Count::kStreamFilteredOpaque);
  // Where the server spoke first (mail) it may yet come to TLS.
  if (from_start && roles_known_ && side == client_ && way(opposite(side)).offset == 0) {
    go_opaque(w.ready);
    return;
  }
  const bool joined = w.broken || !stream_.syn_seen(side);
  if (++w.attempts < (joined ? kMaxAttemptsBroken : kMaxAttempts)) return;
  w.deaf = true;
  if (way(opposite(side)).deaf) go_opaque(w.ready);
}

}  // namespace weir
