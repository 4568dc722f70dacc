// What the heads, trailers, resets and ends of HTTP/2's streams are to their exchanges.
#include <algorithm>

#include "protocol/http2_decoder.h"
#include "protocol/http_fields.h"

namespace weir {

namespace {

// So many streams were opened since one was last heard of that bytes are missing of: it has ended.
constexpr std::uint64_t kGivenUpAfter = 256;
constexpr Direction kBoth[] = {Direction::kToServer, Direction::kToClient};

}  // namespace

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
  // A request in HTTP/1.1 still waits: that of the upgrade.
  const bool upgraded = !stream && id == 1 && sink.asked(0, block.begin, kHttpMethod).has_value();
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
    highest_ = std::max(highest_, id);
    stream->message_id = 0;
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
  if (head.unknown > 0) {
    message.quality = Quality::kLateJoin;
  } else if (head.status == 0) {  // trailers: the head was lost, and the body with it
    message.quality = Quality::kGap;
  }
  fields_.clear().response(head, stream->grpc);
  if (!asked || upgraded) fields_.stream(id);
  if (upgraded) fields_.upgraded();
  if (stream->grpc && !way.open && head.status != 0) fields_.messages(way.messages, false);
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

}  // namespace weir
