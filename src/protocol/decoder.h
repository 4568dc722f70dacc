// The decoder contract: bytes of one connection in, messages out. A decoder knows its protocol and
// nothing else: no time, no addresses, no pairing, no logging.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "record/field.h"
#include "record/round_trip.h"

namespace weir {

enum class Direction : std::uint8_t { kToServer, kToClient };
enum class Close : std::uint8_t { kFin, kReset, kIdle, kEndOfInput };

enum class MessageKind : std::uint8_t {
  kRequest,   // expects a response of its stream id, first in first out
  kResponse,  // answers the oldest open request of its stream id
  kInterim,   // belongs to the exchange, does not end it (HTTP 1xx); counted, not paired
  kOneWay,    // a request that has no answer in the protocol: a record of its own
  kUnpaired,  // sent without having been asked (pub/sub message): a record without a request
  kCancel,    // from either side: the open request of its stream id will not be answered
};

struct Message {
  static constexpr std::uint64_t kOpenEnd = ~std::uint64_t{0};

  const Vocabulary* vocabulary = nullptr;
  MessageKind kind = MessageKind::kRequest;
  Direction direction = Direction::kToServer;
  // A response answers the oldest open request with its stream id; where there is none, the oldest
  // that agrees in the bits of stream_mask, if its own other bits are 0 (it does not say more) or
  // no two requests of the connection had these bits in common.
  std::uint64_t stream_id = 0;
  std::uint64_t stream_mask = ~std::uint64_t{0};
  // Offsets in the direction's stream, skipped bytes included: [begin, end). kOpenEnd where the end
  // is not known yet; MessageSink::end() then follows for this direction and stream id. A message
  // is delivered downstream when its end has passed, and may be emitted as soon as its head is
  // known.
  std::uint64_t begin = 0, end = 0;
  std::optional<std::uint64_t> size_bytes;  // body or payload as the protocol counts it
  Status status = Status::kOk;              // of a response: kOk or kError
  Quality quality = Quality::kComplete;     // kLateJoin where lost connection state matters
  // Views valid during the call. Fields of a request describe the request, of a response the
  // response; the record has both.
  std::span<const FieldValue> fields;
};

// The end of a message that was emitted with kOpenEnd.
struct MessageEnd {
  std::uint64_t end = 0;
  std::optional<std::uint64_t> size_bytes;
  std::optional<Status> status;        // where the end decides it (trailers, a late error)
  std::span<const FieldValue> fields;  // added to the message's own
  bool incomplete = false;             // cut off before the end that its head announced
  // Where other messages' bytes lie between its own; else all from its begin to its end are.
  std::optional<std::uint64_t> wire_bytes = std::nullopt;
  Quality quality = Quality::kComplete;  // as Message::quality
  // Known, also where the connection was only lost sight of (Close::kIdle, kEndOfInput).
  bool passed = false;
};

class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual void on(const Message& message) noexcept = 0;
  virtual void end(Direction direction, std::uint64_t stream_id,
                   const MessageEnd& end) noexcept = 0;

  // A text field of the request that a response beginning at `begin` would answer; nothing where
  // that is not known. For decoders whose own count a gap has upset. Valid until the next call.
  virtual std::optional<std::string_view> asked(std::uint64_t /*stream_id*/,
                                                std::uint64_t /*begin*/,
                                                const Field& /*field*/) noexcept {
    return std::nullopt;
  }
};

// Bounds and switches a decoder is made with.
struct Limits {
  std::size_t head_bytes = 65536;  // a message head longer than this is kInvalid
  bool raw_queries = false;        // show query literals instead of '?'
};

enum class Verdict : std::uint8_t {
  kNeedMore,  // nothing more can be said of the rest without further bytes
  kProgress,  // something was consumed or skipped: call again with the rest
  kInvalid,   // the bytes after `consumed` are not of this protocol: the caller discards the first
              // of them, and then resynchronises
  kSwitch,    // this direction speaks `next` after `consumed` (null: detect anew)
  kOpaque,    // nothing of this connection can be decoded from here on, in either direction; over
              // UDP this datagram could not be, nor is it likely that a later one can
};

struct Protocol;

struct Step {
  Verdict verdict = Verdict::kNeedMore;
  std::size_t consumed = 0;        // <= size; valid with every verdict
  std::uint64_t skip = 0;          // after `consumed`, this many bytes are not needed (a body)
  const Protocol* next = nullptr;  // with kSwitch
  std::size_t passed =
      0;  // of `consumed`, so many at its end would have been skipped, but were there
  std::uint64_t stream_id = 0;  // whose message is skipped, where several pass at once
};

class Decoder {
 public:
  virtual ~Decoder() = default;

  // `bytes` begin at `offset` of the direction's stream, right after what was consumed and skipped
  // before. May emit any number of messages. Over UDP one call is one datagram (offset 0), and
  // everything that is not consumed is discarded; the end of a message that spans several tells its
  // wire_bytes.
  virtual Step decode(Direction, Bytes bytes, std::uint64_t offset, MessageSink&) noexcept = 0;

  // `length` bytes at the current offset were lost (never called for bytes inside a skip). The next
  // bytes of this direction go to resync() until it keeps some.
  virtual void gap(Direction, std::uint64_t length, MessageSink&) noexcept = 0;

  // How many of `bytes` to discard before a frame may begin; bytes.size() when none of them can.
  // Called after a gap, after kInvalid, and when a connection is joined in its middle.
  virtual std::size_t resync(Direction, Bytes bytes) noexcept = 0;

  // No more bytes come in this direction. `offset` is the stream's end: close-delimited messages
  // end there.
  virtual void close(Direction, Close, std::uint64_t offset, MessageSink&) noexcept = 0;
};

enum class Match : std::uint8_t {
  kNo,        // cannot be this protocol
  kNeedMore,  // could be; more bytes would tell
  kMaybe,     // looks like it, as other things may: taken when a port or the other side agrees
  kYes,       // unmistakable
};

struct Transports {
  bool tcp = false, udp = false;
};

// One protocol: what the registry lists. `head` is the first bytes of one direction (TCP, at most
// kMatchBytes) or one whole datagram (UDP).
struct Protocol {
  static constexpr std::size_t kMatchBytes = 4096;

  std::string_view name;
  Transports transports;
  std::span<const std::uint16_t> ports;        // hints
  std::span<const std::uint16_t> never_ports;  // ports of look-alikes (mDNS)
  Nanos timeout = 0;                           // a request without answer is given up after this
  bool fifo = true;                            // answers come in the order of the requests
  // A loss also costs what comes after it: live, nothing is left uncopied on a guess.
  bool stateful = false;
  Match (*match)(Bytes head, Direction, Transport) = nullptr;
  std::unique_ptr<Decoder> (*make)(const Limits&, Transport) = nullptr;
  std::span<const Field* const> fields;  // every field its messages can carry
  bool flow_state = false;  // over UDP: a decoder of its own for each flow, else one for all
};

}  // namespace weir
