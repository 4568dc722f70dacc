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

#include "protocol/http2_decoder.h"
#include "protocol/registry.h"

namespace weir {

namespace {

constexpr std::size_t kHeadRoom = 20480;  // for the text of a head

}  // namespace

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

namespace {

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
    .stateful = true,
    .match = match_http2,
    .make = make_http2,
    .fields = kHttp2Fields,
};

}  // namespace weir
