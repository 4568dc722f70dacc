// HTTP/2 without TLS, and gRPC on it: https://www.rfc-editor.org/rfc/rfc9113 and
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
//
//   client: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", then as the server frames:
//   | length 24 | type 8 | flags 8 | 0 | stream id 31 | payload (length bytes)
//   HEADERS [pad length] [dependency, weight] header block [padding], CONTINUATION header block ...
//   DATA    [pad length] body [padding]; of gRPC: | compressed 8 | length 32 | message | ...
//
// A request or response is a head, DATA, and maybe trailers, each a header block, until a frame
// with END_STREAM; those of many streams lie between each other. Bodies are skipped, frame by
// frame.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "protocol/http2_fields.h"
#include "protocol/http2_frame.h"
#include "protocol/http2_head.h"
#include "protocol/http2_losses.h"
#include "protocol/http2_streams.h"
#include "protocol/registry.h"

namespace weir {

namespace {

// So many streams were opened since one was last heard of that bytes are missing of: it has ended.
constexpr std::uint64_t kGivenUpAfter = 256;
constexpr std::size_t kHeadRoom = 20480;  // for the text of a head
constexpr Direction kBoth[] = {Direction::kToServer, Direction::kToClient};

class Http2Decoder final : public Decoder {
 public:
  explicit Http2Decoder(const Limits& limits) : limits_(limits) {}

  Step decode(Direction, Bytes, std::uint64_t offset, MessageSink&) noexcept override;
  void gap(Direction, std::uint64_t length, MessageSink&) noexcept override;
  std::size_t resync(Direction, Bytes) noexcept override;
  void close(Direction, Close, std::uint64_t offset, MessageSink&) noexcept override;

 private:
  struct Side {
    bool begun = false;    // its first bytes were seen for what they are
    bool whole = true;     // nothing was missed of it
    bool guessed = false;  // where the next frame begins was found by resync()
    Hpack hpack;
    std::uint64_t next = 0;  // offset after all that was consumed and skipped
    // The DATA frame of a gRPC message that is passing.
    bool in_data = false, ends_stream = false;
    std::uint32_t data_stream = 0, data_left = 0, padding = 0;
  };
  // A header block, put together, and where its frames stand.
  struct Block {
    Http2Frame frame;
    Bytes bytes;
    std::uint32_t promised = 0;  // with PUSH_PROMISE
    std::uint64_t begin = 0;
    std::size_t size = 0;  // on the wire
    std::uint64_t end() const { return begin + size; }
    bool ends_stream() const {
      return frame.type == Http2Frame::kHeaders && frame.has(Http2Frame::kEndStream);
    }
  };

  Side& side(Direction d) { return sides_[static_cast<std::size_t>(d)]; }
  Side& client() { return side(Direction::kToServer); }

  Step step(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step begin(Direction, Bytes) noexcept;
  Step frame(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step data(Direction, const Http2Frame&, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step messages(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step headers(Direction, const Http2Frame&, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step refuse(Direction) noexcept;
  Verdict collect(Bytes, Block&) noexcept;
  void request(const Block&, const Http2Head&, MessageSink&) noexcept;
  void response(const Block&, const Http2Head&, MessageSink&) noexcept;
  void promise(const Block&, const Http2Head&, MessageSink&) noexcept;
  void trailers(Direction, Http2Stream&, const Block&, const Http2Head&, MessageSink&) noexcept;
  void reset(Direction, std::uint32_t id, std::uint32_t code, std::uint64_t at,
             MessageSink&) noexcept;
  void goaway(std::uint32_t last, std::uint32_t code, std::uint64_t at, MessageSink&) noexcept;
  Http2Stream& open(std::uint32_t id, MessageSink&) noexcept;
  void finish(Direction, Http2Stream&, std::uint64_t end, MessageSink&) noexcept;
  void finish(Direction, Http2Stream&, MessageEnd, MessageSink&) noexcept;
  void cut(Direction, Http2Stream&, std::uint64_t end, MessageSink&) noexcept;
  void close_request(Http2Stream&, MessageSink&) noexcept;
  void lose(Direction) noexcept;
  void lose_table(Direction) noexcept;
  void check_table(Direction, const Http2Frame&, Bytes block) noexcept;

  const Limits limits_;
  std::array<Side, 2> sides_;
  Http2Streams streams_;
  Http2Losses losses_;
  Http2Fields fields_;
  std::vector<std::uint8_t> block_;  // of several frames
  std::uint32_t highest_ = 0;        // stream the client has opened
  bool asked_ = false;
  // All requests so far, as far as they told, were calls: those that do not tell are, too.
  bool calls_only_ = false;
};

Step Http2Decoder::decode(Direction direction, Bytes bytes, std::uint64_t offset,
                          MessageSink& sink) noexcept {
  Side& s = side(direction);
  std::size_t position = 0;
  std::size_t needed = 0;  // bytes up to the last that was looked at
  Step result;
  s.next = offset;
  while (position < bytes.size()) {
    result = step(direction, bytes.subspan(position), offset + position, sink);
    position += result.consumed;
    needed = position;
    if (result.skip != 0) {
      const std::uint64_t inside = std::min<std::uint64_t>(result.skip, bytes.size() - position);
      position += static_cast<std::size_t>(inside);
      result.skip -= inside;
    }
    s.next = offset + position + result.skip;
    if (result.verdict != Verdict::kProgress || result.skip != 0) break;
  }
  const bool all = position == bytes.size() && result.skip == 0;
  if (result.verdict == Verdict::kProgress && all) result.verdict = Verdict::kNeedMore;
  result.consumed = position;
  result.passed = position - needed;
  return result;
}

// One frame, or what is known of it. kProgress may come without a byte where only the state has
// changed.
Step Http2Decoder::step(Direction direction, Bytes bytes, std::uint64_t at,
                        MessageSink& sink) noexcept {
  Side& s = side(direction);
  if (!s.begun) return begin(direction, bytes);
  if (s.in_data) return messages(direction, bytes, at, sink);
  if (s.guessed) {
    const Http2Look look = look_at_http2(bytes, direction);
    if (look == Http2Look::kNo) return {Verdict::kInvalid};
    if (look == Http2Look::kMore) {
      // What needs more to be believed must not keep back what is certain.
      const std::size_t found = find_http2_frame(bytes, direction);
      return {found == 0 ? Verdict::kNeedMore : Verdict::kInvalid};
    }
    s.guessed = false;
    if (bytes[0] == static_cast<std::uint8_t>(kHttp2Preface[0])) {
      return {Verdict::kProgress, kHttp2Preface.size()};
    }
  }
  return frame(direction, bytes, at, sink);
}

// The client's preface, the server's settings; or the middle of something.
Step Http2Decoder::begin(Direction direction, Bytes bytes) noexcept {
  Side& s = side(direction);
  if (direction == Direction::kToServer) {
    const std::string_view text =
        as_text(bytes.first(std::min(bytes.size(), kHttp2Preface.size())));
    if (text == kHttp2Preface) {
      s.begun = true;
      return {Verdict::kProgress, text.size()};
    }
    if (kHttp2Preface.starts_with(text)) return {Verdict::kNeedMore};
  } else {
    if (bytes.size() < Http2Frame::kHeaderBytes) return {Verdict::kNeedMore};
    const Http2Frame first = Http2Frame::read(bytes);
    if (first.type == Http2Frame::kSettings && first.valid()) {
      s.begun = true;
      return {Verdict::kProgress};
    }
  }
  lose(direction);
  lose_table(direction);
  s.guessed = true;
  return {Verdict::kProgress};
}

Step Http2Decoder::frame(Direction direction, Bytes bytes, std::uint64_t at,
                         MessageSink& sink) noexcept {
  if (bytes.size() < Http2Frame::kHeaderBytes) return {Verdict::kNeedMore};
  const Http2Frame frame = Http2Frame::read(bytes);
  if (!frame.valid()) return refuse(direction);
  constexpr std::size_t kHead = Http2Frame::kHeaderBytes;
  constexpr std::size_t kGoawayBytes = 8;  // what follows them is text
  switch (frame.type) {
    case Http2Frame::kData:
      return data(direction, frame, bytes, at, sink);
    case Http2Frame::kHeaders:
    case Http2Frame::kPushPromise:
      return headers(direction, frame, bytes, at, sink);
    case Http2Frame::kContinuation:  // its beginning was lost
      return refuse(direction);
    case Http2Frame::kRstStream:
      if (bytes.size() < kHead + frame.length) return {Verdict::kNeedMore};
      reset(direction, frame.stream_id, load_be32(bytes.data() + kHead), at, sink);
      return {Verdict::kProgress, kHead + frame.length};
    case Http2Frame::kGoaway:
      if (bytes.size() < kHead + kGoawayBytes) return {Verdict::kNeedMore};
      if (direction == Direction::kToClient) {
        goaway(load_be32(bytes.data() + kHead) & 0x7fffffff, load_be32(bytes.data() + kHead + 4),
               at, sink);
      }
      return {Verdict::kProgress, kHead + kGoawayBytes, frame.length - kGoawayBytes};
    default:
      return {Verdict::kProgress, kHead, frame.length};
  }
}

Step Http2Decoder::data(Direction direction, const Http2Frame& frame, Bytes bytes, std::uint64_t at,
                        MessageSink& sink) noexcept {
  std::size_t head = Http2Frame::kHeaderBytes;
  std::uint32_t padding = 0;
  if (frame.has(Http2Frame::kPadded)) {
    if (frame.length == 0) return refuse(direction);
    if (bytes.size() == head) return {Verdict::kNeedMore};
    padding = bytes[head++];
    if (padding + 1 > frame.length) return refuse(direction);
  }
  const std::uint64_t size = Http2Frame::kHeaderBytes + std::uint64_t{frame.length};
  const std::uint64_t rest = size - head;
  Http2Stream* const stream = streams_.find(frame.stream_id);
  if (stream == nullptr || !stream->way(direction).open) {
    return {Verdict::kProgress, head, rest};
  }
  const auto body = static_cast<std::uint32_t>(rest - padding);
  Http2Stream::Way& way = stream->way(direction);
  way.data += body;
  way.wire += size;
  streams_.hear(*stream);
  Step step{Verdict::kProgress, head, rest};
  step.stream_id = stream->message_id;
  if (stream->grpc && way.messages.known() && body > 0) {
    Side& s = side(direction);
    s.in_data = true;
    s.ends_stream = frame.has(Http2Frame::kEndStream);
    s.data_stream = frame.stream_id;
    s.data_left = body;
    s.padding = padding;
    step.skip = 0;
  } else if (frame.has(Http2Frame::kEndStream)) {
    finish(direction, *stream, at + size, sink);
  }
  return step;
}

// Within a DATA frame of gRPC.
Step Http2Decoder::messages(Direction direction, Bytes bytes, std::uint64_t at,
                            MessageSink& sink) noexcept {
  Side& s = side(direction);
  Http2Stream* const stream = streams_.find(s.data_stream);
  if (stream == nullptr || !stream->way(direction).open) {  // reset by the other side meanwhile
    s.in_data = false;
    return {Verdict::kProgress, 0, std::uint64_t{s.data_left} + s.padding};
  }
  GrpcMessages& messages = stream->way(direction).messages;
  Step step{Verdict::kProgress};
  step.stream_id = stream->message_id;
  if (messages.rest() == 0) {
    step.consumed = messages.take(bytes.first(std::min<std::size_t>(bytes.size(), s.data_left)));
    s.data_left -= static_cast<std::uint32_t>(step.consumed);
  }
  const std::uint32_t passing = std::min(messages.rest(), s.data_left);
  messages.pass(passing);
  s.data_left -= passing;
  step.skip = passing;
  if (s.data_left > 0) return step;
  step.skip += s.padding;
  s.in_data = false;
  if (s.ends_stream) finish(direction, *stream, at + step.consumed + step.skip, sink);
  return step;
}

// A header block: its frames follow each other without others between them.
Verdict Http2Decoder::collect(Bytes bytes, Block& block) noexcept {
  Bytes rest = bytes;
  block_.clear();
  for (bool first = true;; first = false) {
    if (rest.size() < Http2Frame::kHeaderBytes) return Verdict::kNeedMore;
    const Http2Frame frame = Http2Frame::read(rest);
    const std::size_t size = Http2Frame::kHeaderBytes + frame.length;
    if (first) {
      block.frame = frame;
    } else if (frame.type != Http2Frame::kContinuation ||
               frame.stream_id != block.frame.stream_id) {
      return Verdict::kInvalid;
    }
    block.size += size;
    if (block.size > limits_.head_bytes) return Verdict::kInvalid;
    if (rest.size() < size) return Verdict::kNeedMore;
    const Bytes payload = rest.subspan(Http2Frame::kHeaderBytes, frame.length);
    Bytes fragment;
    if (!find_http2_fragment(frame, payload, fragment)) return Verdict::kInvalid;
    if (first && frame.type == Http2Frame::kPushPromise) {
      block.promised = load_be32(fragment.data() - 4) & 0x7fffffff;
    }
    const bool last = frame.has(Http2Frame::kEndHeaders);
    if (first && last) {
      block.bytes = fragment;
      return Verdict::kProgress;
    }
    block_.insert(block_.end(), fragment.begin(), fragment.end());
    if (last) {
      block.bytes = block_;
      return Verdict::kProgress;
    }
    rest = rest.subspan(size);
  }
}

Step Http2Decoder::headers(Direction direction, const Http2Frame& frame, Bytes bytes,
                           std::uint64_t at, MessageSink& sink) noexcept {
  Block block;
  block.begin = at;
  const Verdict verdict = collect(bytes, block);
  if (verdict == Verdict::kInvalid) return refuse(direction);
  if (verdict == Verdict::kNeedMore) return {Verdict::kNeedMore};
  check_table(direction, frame, block.bytes);
  std::array<char, kHeadRoom> room;
  TextBuffer text(room);
  Http2Head head;
  if (!read_http2_head(side(direction).hpack, block.bytes, text, head)) return refuse(direction);
  Http2Stream* const stream = streams_.find(frame.stream_id);
  const bool to_server = direction == Direction::kToServer;
  if (frame.type == Http2Frame::kPushPromise) {
    if (to_server) return refuse(direction);
    promise(block, head, sink);
  } else if (stream != nullptr && (to_server || stream->answered)) {
    trailers(direction, *stream, block, head, sink);
  } else if (to_server) {
    request(block, head, sink);
  } else {
    response(block, head, sink);
  }
  return {Verdict::kProgress, block.size};
}

void Http2Decoder::request(const Block& block, const Http2Head& head, MessageSink& sink) noexcept {
  const std::uint32_t id = block.frame.stream_id;
  const bool newer = id > highest_;
  if (!newer && client().whole) return;  // trailers of a stream that was reset
  if (!head.is_request() && !(newer && head.unknown)) return;  // trailers, their request lost
  highest_ = std::max(highest_, id);
  Http2Stream& stream = open(id, sink);
  const bool untold = head.unknown > 0 && head.content_type.empty();
  stream.grpc = untold ? calls_only_ && head.method == "POST" : head.is_grpc();
  if (!untold) calls_only_ = stream.grpc && (calls_only_ || !asked_);
  asked_ = true;
  Http2Stream::Way& way = stream.way(Direction::kToServer);
  way.open = !block.ends_stream();
  way.wire = block.size;
  Message message;
  message.vocabulary = stream.grpc ? &kGrpcVocabulary : &kHttp2Vocabulary;
  message.kind = MessageKind::kRequest;
  message.direction = Direction::kToServer;
  message.stream_id = id;
  message.begin = block.begin;
  message.end = way.open ? Message::kOpenEnd : block.end();
  if (!way.open) message.size_bytes = 0;
  if (head.unknown > 0) message.quality = Quality::kLateJoin;
  message.fields = fields_.clear().request(head, stream.grpc).stream(id).span();
  sink.on(message);
}

void Http2Decoder::response(const Block& block, const Http2Head& head, MessageSink& sink) noexcept {
  const std::uint32_t id = block.frame.stream_id;
  Http2Stream* stream = streams_.find(id);
  const bool interim = head.status >= 100 && head.status < 200;
  const bool upgraded = !stream && id == 1 && highest_ == 0 && client().whole;
  if (!stream && !upgraded) {
    if (client().whole && id <= highest_) return;  // of a stream that was reset
    if (head.status == 0 && head.grpc_status.empty() && head.unknown == 0) return;
  }
  const bool asked = stream != nullptr || upgraded;
  Message message;
  message.direction = Direction::kToClient;
  message.begin = block.begin;
  message.end = block.end();
  message.vocabulary = &kHttp2Vocabulary;
  if (interim) {
    losses_.on_extra_head();
    message.kind = MessageKind::kInterim;
    message.stream_id = stream ? stream->message_id : id;
    message.fields = fields_.clear().status(head.status).span();
    sink.on(message);
    return;
  }
  if (!stream) stream = &open(id, sink);
  if (upgraded) {
    highest_ = 1;
    stream->message_id = 0;
    stream->upgraded = true;
  }
  stream->grpc |= head.is_grpc() || !head.grpc_status.empty();
  stream->answered = true;
  Http2Stream::Way& way = stream->way(Direction::kToClient);
  way.wire += block.size;
  if (stream->pushed) {
    stream->status = head.status;
    streams_.hear(*stream);
    if (block.ends_stream()) finish(Direction::kToClient, *stream, block.end(), sink);
    return;
  }
  way.open = !block.ends_stream();
  if (!way.open) close_request(*stream, sink);
  const bool ok_status = head.grpc_status.empty() || head.grpc_status == "0";
  message.kind = MessageKind::kResponse;
  message.stream_id = stream->message_id;
  if (way.open) {
    message.end = Message::kOpenEnd;
  } else if (head.status != 0) {
    message.size_bytes = 0;
  }
  if (stream->grpc) message.vocabulary = &kGrpcVocabulary;
  const bool silent = stream->grpc && !way.open && head.grpc_status.empty() && head.unknown == 0;
  if (head.status >= 400 || !ok_status || silent) message.status = Status::kError;
  if (head.unknown > 0) message.quality = Quality::kLateJoin;
  fields_.clear().response(head, stream->grpc);
  if (!asked || upgraded) fields_.stream(id);
  if (upgraded) fields_.upgraded();
  if (stream->grpc && !way.open) fields_.messages(way.messages, false);
  message.fields = fields_.span();
  sink.on(message);
  if (!way.open) streams_.remove(*stream);
}

// What the client has not asked for: one message from the promise to the end of the body.
void Http2Decoder::promise(const Block& block, const Http2Head& head, MessageSink& sink) noexcept {
  if (block.promised == 0 || block.promised % 2 != 0 || streams_.find(block.promised)) return;
  losses_.on_extra_head();
  Http2Stream& stream = open(block.promised, sink);
  stream.pushed = true;
  Http2Stream::Way& way = stream.way(Direction::kToClient);
  way.open = true;
  way.wire = block.size;
  Message message;
  message.vocabulary = &kHttp2Vocabulary;
  message.kind = MessageKind::kUnpaired;
  message.direction = Direction::kToClient;
  message.stream_id = block.promised;
  message.begin = block.begin;
  message.end = Message::kOpenEnd;
  if (head.unknown > 0) message.quality = Quality::kLateJoin;
  message.fields = fields_.clear().request(head, false).stream(block.promised).pushed().span();
  sink.on(message);
}

void Http2Decoder::trailers(Direction direction, Http2Stream& stream, const Block& block,
                            const Http2Head& head, MessageSink& sink) noexcept {
  Http2Stream::Way& way = stream.way(direction);
  if (!way.open) return;
  way.wire += block.size;
  streams_.hear(stream);
  if (!block.ends_stream()) return;
  if (direction == Direction::kToServer || !stream.grpc) {
    finish(direction, stream, block.end(), sink);
    return;
  }
  close_request(stream, sink);
  MessageEnd end;
  end.end = block.end();
  if (head.unknown > 0) end.quality = Quality::kLateJoin;
  if (head.grpc_status != "0" && (!head.grpc_status.empty() || head.unknown == 0)) {
    end.status = Status::kError;
  }
  end.fields = fields_.clear().response(head, true).messages(way.messages, false).span();
  finish(direction, stream, end, sink);
}

void Http2Decoder::reset(Direction direction, std::uint32_t id, std::uint32_t code,
                         std::uint64_t at, MessageSink& sink) noexcept {
  Http2Stream* const stream = streams_.find(id);
  if (stream == nullptr) return;
  constexpr std::size_t kSize = Http2Frame::kHeaderBytes + 4;
  const bool by_client = direction == Direction::kToServer;
  close_request(*stream, sink);
  constexpr std::uint32_t kNoError = 0;
  if (const auto& way = stream->way(Direction::kToClient); way.open) {
    if (!by_client && code == kNoError && way.damaged) {  // the answer's end was lost before
      finish(Direction::kToClient, *stream, at, sink);
      return;
    }
    MessageEnd end;
    end.end = by_client ? side(Direction::kToClient).next : at + kSize;
    end.status = Status::kError;
    end.incomplete = true;
    fields_.clear().reset(code);
    if (stream->status != 0) fields_.status(stream->status);
    end.fields = fields_.span();
    finish(Direction::kToClient, *stream, end, sink);
    return;
  }
  Message message;
  message.vocabulary = stream->grpc ? &kGrpcVocabulary : &kHttp2Vocabulary;
  // Of an answer that was whole, as a server says that ends it before the request does.
  const bool lost = code == kNoError && !side(Direction::kToClient).whole;
  message.kind = by_client || lost ? MessageKind::kCancel : MessageKind::kResponse;
  message.direction = direction;
  message.stream_id = stream->message_id;
  message.begin = at;
  message.end = at + kSize;
  message.status = Status::kError;
  message.fields = fields_.clear().reset(code).span();
  sink.on(message);
  streams_.remove(*stream);
}

// The streams that the server says it has not looked at will not be answered.
void Http2Decoder::goaway(std::uint32_t last, std::uint32_t code, std::uint64_t at,
                          MessageSink& sink) noexcept {
  streams_.each([&](Http2Stream& stream) {
    if (stream.id <= last || stream.id % 2 == 0 || stream.answered) return;
    close_request(stream, sink);
    Message message;
    message.vocabulary = stream.grpc ? &kGrpcVocabulary : &kHttp2Vocabulary;
    message.kind = MessageKind::kCancel;
    message.direction = Direction::kToClient;
    message.stream_id = stream.message_id;
    message.begin = at;
    message.end = at + Http2Frame::kHeaderBytes + 8;
    message.fields = fields_.clear().goaway(code).span();
    sink.on(message);
    streams_.remove(stream);
  });
}

// Makes room where a stream's end must have been lost.
Http2Stream& Http2Decoder::open(std::uint32_t id, MessageSink& sink) noexcept {
  if (Http2Stream* const oldest = streams_.oldest()) {
    const bool silent = streams_.opened() - oldest->heard > kGivenUpAfter;
    const bool damaged = oldest->ways[0].damaged || oldest->ways[1].damaged;
    if (streams_.full() || (silent && damaged)) {
      for (const Direction direction : kBoth) {
        if (!oldest->way(direction).open) continue;
        oldest->way(direction).damaged = true;
        cut(direction, *oldest, side(direction).next, sink);
      }
      streams_.remove(*oldest);
    } else if (silent) {
      streams_.hear(*oldest);
    }
  }
  return streams_.open(id);
}

// The message ends as it should.
void Http2Decoder::finish(Direction direction, Http2Stream& stream, std::uint64_t end,
                          MessageSink& sink) noexcept {
  if (direction == Direction::kToClient) {
    close_request(stream, sink);
    losses_.on_end(stream.id);
  }
  MessageEnd message;
  message.end = end;
  fields_.clear();
  if (direction == Direction::kToClient) {
    // Without a status in its trailers a call has failed, whatever HTTP's status was.
    if ((stream.grpc && !stream.way(direction).damaged) || stream.status >= 400) {
      message.status = Status::kError;
    }
    if (stream.pushed && stream.status != 0) fields_.status(stream.status);
  }
  if (stream.grpc) {
    fields_.messages(stream.way(direction).messages, direction == Direction::kToServer);
  }
  message.fields = fields_.span();
  finish(direction, stream, message, sink);
}

void Http2Decoder::finish(Direction direction, Http2Stream& stream, MessageEnd end,
                          MessageSink& sink) noexcept {
  Http2Stream::Way& way = stream.way(direction);
  way.open = false;
  end.wire_bytes = way.wire;
  if (!way.damaged) end.size_bytes = way.data;
  sink.end(direction, stream.message_id, end);
  if (direction == Direction::kToClient) streams_.remove(stream);
}

// The message ends before its END_STREAM.
void Http2Decoder::cut(Direction direction, Http2Stream& stream, std::uint64_t end,
                       MessageSink& sink) noexcept {
  Http2Stream::Way& way = stream.way(direction);
  way.open = false;
  MessageEnd message;
  message.end = end;
  message.wire_bytes = way.wire;
  if (!way.damaged) message.size_bytes = way.data;
  fields_.clear();
  if (stream.grpc) fields_.messages(way.messages, direction == Direction::kToServer);
  message.fields = fields_.span();
  sink.end(direction, stream.message_id, message);
}

// Nothing more of the request matters: the answer is there, or will not come.
void Http2Decoder::close_request(Http2Stream& stream, MessageSink& sink) noexcept {
  if (!stream.way(Direction::kToServer).open) return;
  cut(Direction::kToServer, stream, client().next, sink);
}

// The table of this direction.
void Http2Decoder::lose_table(Direction direction) noexcept {
  side(direction).whole = false;
  side(direction).hpack.lose();
  if (direction == Direction::kToServer) {
    losses_.on_lost_requests();
  } else {
    losses_.on_lost_answers();
  }
}

// Before a header block: whether some were lost.
void Http2Decoder::check_table(Direction direction, const Http2Frame& frame, Bytes block) noexcept {
  Http2Stream* const stream = streams_.find(frame.stream_id);
  if (direction == Direction::kToServer) {
    if (losses_.in_requests()) {
      if (losses_.requests_whole(stream == nullptr, frame.stream_id, highest_)) {
        side(direction).whole = true;
      } else {
        lose_table(direction);
      }
    }
    if (stream != nullptr) losses_.on_request_trailers();
    return;
  }
  const bool answered = stream != nullptr && stream->answered;
  if (!losses_.answers_whole(frame.stream_id, answered, hpack_shape(block).response)) {
    lose_table(direction);
  }
}

// What was missed of the messages that are open in this direction.
void Http2Decoder::lose(Direction direction) noexcept {
  Side& s = side(direction);
  s.begun = true;
  s.whole = false;
  s.in_data = false;
  streams_.each([&](Http2Stream& stream) {
    Http2Stream::Way& way = stream.way(direction);
    if (!way.open) return;
    way.damaged = true;
    way.messages.lose();
  });
}

Step Http2Decoder::refuse(Direction direction) noexcept {
  lose(direction);
  lose_table(direction);
  return {Verdict::kInvalid};
}

void Http2Decoder::gap(Direction direction, std::uint64_t length, MessageSink&) noexcept {
  Side& s = side(direction);
  s.next += length;
  if (!s.begun) lose_table(direction);
  lose(direction);
  if (direction == Direction::kToServer) {
    losses_.gap_in_requests();
  } else {
    losses_.gap_in_answers(streams_.count(), streams_.count() == 1 ? streams_.oldest()->id : 0);
  }
}

std::size_t Http2Decoder::resync(Direction direction, Bytes bytes) noexcept {
  if (bytes.empty()) return 0;
  Side& s = side(direction);
  if (!s.begun) lose_table(direction);
  if (!s.begun) lose(direction);
  s.guessed = true;
  return find_http2_frame(bytes, direction);
}

void Http2Decoder::close(Direction direction, Close how, std::uint64_t offset,
                         MessageSink& sink) noexcept {
  if (how != Close::kFin && how != Close::kReset) return;
  streams_.each([&](Http2Stream& stream) {
    Http2Stream::Way& way = stream.way(direction);
    if (!way.open) return;
    if (direction == Direction::kToServer || way.damaged) {
      cut(direction, stream, offset, sink);
      return;
    }
    way.open = false;
    MessageEnd end;
    end.end = offset;
    end.wire_bytes = way.wire;
    end.status = Status::kError;
    end.incomplete = true;
    sink.end(direction, stream.message_id, end);
  });
}

std::unique_ptr<Decoder> make_http2(const Limits& limits, Transport) {
  return std::make_unique<Http2Decoder>(limits);
}

constexpr std::uint16_t kPorts[] = {50051};

}  // namespace

const Protocol kHttp2{
    .name = "http2",
    .transports = {.tcp = true},
    .ports = kPorts,
    .never_ports = {},
    .timeout = 600 * kSecond,
    .fifo = false,
    .match = match_http2,
    .make = make_http2,
    .fields = kHttp2Fields,
};

}  // namespace weir
