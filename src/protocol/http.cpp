// HTTP/1.0 and HTTP/1.1: https://www.rfc-editor.org/rfc/rfc9112
//
//   GET /path?query HTTP/1.1 CRLF            HTTP/1.1 200 OK CRLF
//   Host: example.org CRLF                   Transfer-Encoding: chunked CRLF
//   CRLF                                     CRLF
//   [Content-Length bytes | chunks]          1a;ext CRLF (26 bytes) CRLF 0 CRLF trailers CRLF
//
// Bodies are never looked at: their bytes are skipped. What a response's body is depends on its
// request (HEAD, CONNECT), so the decoder counts requests and remembers which of them were HEAD.
#include <algorithm>
#include <array>
#include <optional>

#include "protocol/http_fields.h"
#include "protocol/http_head.h"
#include "protocol/http_match.h"
#include "protocol/http_pending.h"
#include "protocol/registry.h"

namespace weir {

namespace {

constexpr std::uint64_t kWithoutEnd = std::uint64_t{1} << 40;  // skipped at a time
constexpr std::uint64_t kMaxChunk = std::uint64_t{1} << 60;

enum class Body : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

enum class State : std::uint8_t {
  kHead,
  kPeek,  // after a response's head whose request is unknown: is the body there, or was it a HEAD?
  kChunkSize,
  kChunkEnd,
  kTrailer,
  kUntilClose,
  kHold,  // the client after CONNECT or Upgrade: what follows is decided by the response
};

class HttpDecoder final : public Decoder {
 public:
  explicit HttpDecoder(const Limits& limits) : limits_(limits) {}

  Step decode(Direction, Bytes, std::uint64_t offset, MessageSink&) noexcept override;
  void gap(Direction, std::uint64_t length, MessageSink&) noexcept override;
  std::size_t resync(Direction, Bytes) noexcept override;
  void close(Direction, Close, std::uint64_t offset, MessageSink&) noexcept override;

 private:
  struct Side {
    State state = State::kHead;
    State after = State::kHead;   // when the chunked message is through
    Body peeked = Body::kNone;    // kPeek: the body, if there is one
    bool open = false;            // a message whose end was not told yet
    bool guessed = false;         // where the next head begins was found by resync()
    LineScan scan;                // of the unfinished head or line at `next`
    std::uint64_t next = 0;       // offset after all that was consumed and skipped
    std::uint64_t body = 0;       // offset where the open message's body begins
    std::uint64_t body_size = 0;  // chunk data so far; with kPeek the declared length
  };
  Side& side(Direction d) { return sides_[static_cast<std::size_t>(d)]; }
  Side& client() { return side(Direction::kToServer); }
  Side& server() { return side(Direction::kToClient); }

  Step step(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step head(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step request(const HttpHead&, std::uint64_t at, MessageSink&) noexcept;
  Step response(const HttpHead&, std::uint64_t at, MessageSink&) noexcept;
  Step body(Direction, Body, std::uint64_t length, std::size_t consumed) noexcept;
  Step peek(Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step chunk_size(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step chunk_end(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step trailer(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step hold(Bytes) noexcept;
  Step refuse(Direction, std::uint64_t at, MessageSink&) noexcept;

  void finish(Direction, MessageSink&, std::uint64_t end, std::optional<std::uint64_t> size = {},
              std::optional<Status> status = {}) noexcept;
  void stay() noexcept;
  bool takes_turns() const { return answered_ && pending_.request_seen() && !pipelines_; }
  void forget() noexcept;

  const Limits limits_;
  std::array<Side, 2> sides_;
  HttpPending pending_;
  HttpFields fields_;
  bool connect_ = false;        // the newest request is a CONNECT
  bool websocket_ = false;      // the newest request offers it
  bool tunnel_ = false;         // the server accepted to switch
  bool tunnel_client_ = false;  // the client has switched though no answer said so
  bool by_content_ = false;     // the answer that decides kHold was lost
  bool held_ = false;           // there are client bytes that wait in kHold
  bool released_ = false;       // they just became HTTP
  bool answered_ = false;       // a response was seen
  bool pipelines_ = false;      // the client has asked before it was answered
  // After a loss: of a client that takes turns all that comes before its next request is the rest
  // of a message, whatever it looks like.
  bool awaits_request_ = false;
};

int hex_digit(std::uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int letter = c | 0x20;
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

bool ends_chunk_size(std::uint8_t c) {
  return c == '\r' || c == '\n' || c == ';' || c == ' ' || c == '\t';
}

// A response that ends with its connection, as far as its head tells.
bool is_endless(const HttpHead& head) {
  return head.status >= 200 && head.status != 204 && head.status != 304 && !head.chunked &&
         (head.length != HttpHead::Length::kValid || head.other_coding);
}

Step HttpDecoder::decode(Direction direction, Bytes bytes, std::uint64_t offset,
                         MessageSink& sink) noexcept {
  Side& s = side(direction);
  std::size_t position = 0;
  std::size_t needed = 0;  // bytes up to the last that was looked at
  Step result;
  while (position < bytes.size()) {
    result = step(direction, bytes.subspan(position), offset + position, sink);
    position += result.consumed;
    needed = position;
    if (result.skip != 0) {
      const std::uint64_t inside = std::min<std::uint64_t>(result.skip, bytes.size() - position);
      position += static_cast<std::size_t>(inside);
      result.skip -= inside;
    }
    if (result.verdict != Verdict::kProgress || result.skip != 0 || released_) break;
  }
  const bool all = position == bytes.size() && result.skip == 0;
  if (result.verdict == Verdict::kProgress && all) result.verdict = Verdict::kNeedMore;
  released_ = false;
  result.consumed = position;
  result.passed = position - needed;
  s.next = offset + position + result.skip;
  return result;
}

// One message head, chunk head or the like. kProgress may come without a byte where only the state
// has changed.
Step HttpDecoder::step(Direction direction, Bytes bytes, std::uint64_t at,
                       MessageSink& sink) noexcept {
  switch (side(direction).state) {
    case State::kHead:
      return head(direction, bytes, at, sink);
    case State::kPeek:
      return peek(bytes, at, sink);
    case State::kChunkSize:
      return chunk_size(direction, bytes, at, sink);
    case State::kChunkEnd:
      return chunk_end(direction, bytes, at, sink);
    case State::kTrailer:
      return trailer(direction, bytes, at, sink);
    case State::kUntilClose:
      return {Verdict::kProgress, 0, kWithoutEnd};
    case State::kHold:
      return hold(bytes);
  }
  return {};
}

Step HttpDecoder::head(Direction direction, Bytes bytes, std::uint64_t at,
                       MessageSink& sink) noexcept {
  Side& s = side(direction);
  const bool to_server = direction == Direction::kToServer;
  if (to_server && tunnel_) return {Verdict::kSwitch};
  const auto text = std::find_if(bytes.begin(), bytes.end(),
                                 [](std::uint8_t c) { return c != '\r' && c != '\n'; });
  if (text != bytes.begin()) {
    return {Verdict::kProgress, static_cast<std::size_t>(text - bytes.begin())};
  }
  HttpHead head;
  const HeadResult result = read_http_head(bytes, direction, s.scan, head);
  if (result == HeadResult::kInvalid && !to_server && tunnel_client_) return {Verdict::kSwitch};
  const std::size_t size = result == HeadResult::kComplete ? head.size : bytes.size();
  if (result == HeadResult::kInvalid || size > limits_.head_bytes) {
    return refuse(direction, at, sink);
  }
  if (result == HeadResult::kIncomplete) return {Verdict::kNeedMore};
  // The rest of a method that was cut in two looks like a method nobody knows.
  if (s.guessed && find_http_head(bytes, direction) != 0) return refuse(direction, at, sink);
  // One that a body quotes would have no end: the rest of the connection would be its body.
  if (s.guessed && answered_ && !to_server && is_endless(head)) {
    return refuse(direction, at, sink);
  }
  s.guessed = false;
  return to_server ? request(head, at, sink) : response(head, at, sink);
}

Step HttpDecoder::request(const HttpHead& head, std::uint64_t at, MessageSink& sink) noexcept {
  using Length = HttpHead::Length;
  Message message;
  message.kind = MessageKind::kRequest;
  message.direction = Direction::kToServer;
  message.begin = at;
  message.end = at + head.size;
  Body kind = Body::kNone;
  if (head.chunked) {
    kind = Body::kChunked;
    message.end = Message::kOpenEnd;
  } else if (head.length == Length::kValid && !head.other_coding) {
    kind = Body::kLength;
    message.end += head.content_length;
    message.size_bytes = head.content_length;
  } else if (head.length == Length::kEndless) {
    kind = Body::kUntilClose;  // declared by tunnels; the request itself is its head
  } else if (head.length == Length::kNone && !head.other_coding) {
    message.size_bytes = 0;
  }
  message.vocabulary = &kHttpVocabulary;
  message.fields = fields_.request(head);
  sink.on(message);
  if (!pending_.none()) pipelines_ = true;
  awaits_request_ = false;
  pending_.add(head.method == "HEAD");

  Side& s = client();
  s.open = kind == Body::kChunked;
  s.body = at + head.size;
  s.after = !head.upgrade.empty() || head.method == "CONNECT" ? State::kHold : State::kHead;
  connect_ = head.method == "CONNECT";
  websocket_ = http_list_has(head.upgrade, "websocket");
  by_content_ = false;
  return body(Direction::kToServer, kind, head.content_length, head.size);
}

Step HttpDecoder::response(const HttpHead& head, std::uint64_t at, MessageSink& sink) noexcept {
  using Length = HttpHead::Length;
  const bool interim = head.status < 200 && head.status != 101;
  const HttpPending::Asked asked =
      interim ? HttpPending::Asked{!pending_.none()} : pending_.answer();
  const bool connected = asked.last && connect_ && head.status / 100 == 2;
  const bool switches = head.status == 101 || connected;
  // Where a loss has upset the count here, the frame may still know the request.
  const bool counted = asked.known && !pending_.uncertain();
  const std::optional<std::string_view> method =
      counted ? std::nullopt : sink.asked(0, at, kHttpMethod);
  const bool to_head = counted ? asked.head : method == "HEAD";

  Body kind = Body::kUntilClose;
  if (head.status < 200 || head.status == 204 || head.status == 304 || switches || to_head) {
    kind = Body::kNone;
  } else if (head.chunked) {
    kind = Body::kChunked;
  } else if (head.length == Length::kValid && !head.other_coding) {
    kind = Body::kLength;
  }
  const bool doubtful = !counted && !method && kind != Body::kNone &&
                        !(kind == Body::kLength && head.content_length == 0);
  answered_ = true;
  Message message;
  message.kind = interim ? MessageKind::kInterim : MessageKind::kResponse;
  message.direction = Direction::kToClient;
  message.begin = at;
  message.status = head.status >= 400 ? Status::kError : Status::kOk;
  message.end = Message::kOpenEnd;
  if (!doubtful && (kind == Body::kNone || kind == Body::kLength)) {
    message.size_bytes = kind == Body::kLength ? head.content_length : 0;
    message.end = at + head.size + *message.size_bytes;
  }
  // The version of a record is its request's, where there is one.
  const bool unasked = !asked.known && (!pending_.uncertain() || !pending_.request_seen());
  message.vocabulary = &kHttpVocabulary;
  message.fields = fields_.response(head, unasked);
  sink.on(message);

  Side& s = server();
  s.open = message.end == Message::kOpenEnd;
  s.body = at + head.size;
  s.after = State::kHead;
  if (switches) {
    tunnel_ = true;
    // Frames that nobody decodes, and whose payload must not be taken for something else.
    const bool opaque =
        head.status == 101 && (websocket_ || http_list_has(head.upgrade, "websocket"));
    return {opaque ? Verdict::kOpaque : Verdict::kSwitch, head.size};
  }
  if (asked.last) stay();
  if (!doubtful) return body(Direction::kToClient, kind, head.content_length, head.size);
  s.state = State::kPeek;
  s.peeked = kind;
  s.body_size = head.content_length;
  return {Verdict::kProgress, head.size};
}

// The newest request was answered and the protocol stays: what the client sends next is HTTP. What
// it has sent already must be read before the responses to it are.
void HttpDecoder::stay() noexcept {
  released_ = held_;
  held_ = false;
  if (client().state == State::kHold) client().state = State::kHead;
  client().after = State::kHead;
}

// Enters the body that follows `consumed` bytes of head.
Step HttpDecoder::body(Direction direction, Body kind, std::uint64_t length,
                       std::size_t consumed) noexcept {
  Side& s = side(direction);
  s.body_size = 0;
  switch (kind) {
    case Body::kNone:
      s.state = s.after;
      break;
    case Body::kLength:
      s.state = s.after;
      return {Verdict::kProgress, consumed, length};
    case Body::kChunked:
      s.state = State::kChunkSize;
      break;
    case Body::kUntilClose:
      s.state = State::kUntilClose;
      break;
  }
  return {Verdict::kProgress, consumed};
}

// The response's request is unknown, so it may have been a HEAD: another status line where its body
// should be tells.
Step HttpDecoder::peek(Bytes bytes, std::uint64_t at, MessageSink& sink) noexcept {
  Side& s = server();
  const Match next =
      match_http_head(bytes.first(std::min<std::size_t>(bytes.size(), 16)), Direction::kToClient);
  if (next == Match::kNeedMore) return {Verdict::kNeedMore};
  s.state = State::kHead;
  if (next == Match::kYes) {
    s.guessed = true;  // or the body begins like one
    finish(Direction::kToClient, sink, at, 0);
    return {Verdict::kProgress};
  }
  const std::uint64_t length = s.body_size;
  if (s.peeked == Body::kLength) {
    finish(Direction::kToClient, sink, at + length, length);
  }
  return body(Direction::kToClient, s.peeked, length, 0);
}

Step HttpDecoder::chunk_size(Direction direction, Bytes bytes, std::uint64_t at,
                             MessageSink& sink) noexcept {
  Side& s = side(direction);
  std::uint64_t size = 0;
  std::size_t digits = 0;
  for (; digits < bytes.size() && digits <= 16; ++digits) {
    const int digit = hex_digit(bytes[digits]);
    if (digit < 0) break;
    size = std::min(kMaxChunk, size * 16 + static_cast<std::uint64_t>(digit));
  }
  const bool more = digits == bytes.size();
  if (digits == 0 || digits > 16 || size == kMaxChunk ||
      (!more && !ends_chunk_size(bytes[digits]))) {
    return refuse(direction, at, sink);
  }
  const std::size_t line = http_line_size(bytes, s.scan);
  if (line == 0) {
    if (bytes.size() > limits_.head_bytes) return refuse(direction, at, sink);
    return {Verdict::kNeedMore};
  }
  s.body_size += size;
  s.state = size == 0 ? State::kTrailer : State::kChunkEnd;
  return {Verdict::kProgress, line, size};
}

Step HttpDecoder::chunk_end(Direction direction, Bytes bytes, std::uint64_t at,
                            MessageSink& sink) noexcept {
  const std::size_t size = bytes[0] == '\r' ? 2 : 1;
  if (bytes.size() < size) return {Verdict::kNeedMore};
  if (bytes[size - 1] != '\n') return refuse(direction, at, sink);
  side(direction).state = State::kChunkSize;
  return {Verdict::kProgress, size};
}

// One line of the trailers. The empty one ends the message.
Step HttpDecoder::trailer(Direction direction, Bytes bytes, std::uint64_t at,
                          MessageSink& sink) noexcept {
  Side& s = side(direction);
  const std::size_t line = http_line_size(bytes, s.scan);
  if (line == 0) {
    if (bytes.size() > limits_.head_bytes) return refuse(direction, at, sink);
    return {Verdict::kNeedMore};
  }
  if (line == 1 || (line == 2 && bytes[0] == '\r')) {
    finish(direction, sink, at + line, s.body_size);
    s.state = s.after;
  }
  return {Verdict::kProgress, line};
}

Step HttpDecoder::hold(Bytes bytes) noexcept {
  if (tunnel_) return {Verdict::kSwitch};
  held_ = true;
  if (by_content_) {
    const std::size_t size = std::min(bytes.size(), Protocol::kMatchBytes);
    const Match match = match_http_head(bytes.first(size), Direction::kToServer);
    if (match == Match::kYes || match == Match::kMaybe) {
      client().state = client().after = State::kHead;
      return {Verdict::kProgress};
    }
    tunnel_client_ = match == Match::kNo;
  } else {
    tunnel_client_ = bytes.size() > limits_.head_bytes;
  }
  return {tunnel_client_ ? Verdict::kSwitch : Verdict::kNeedMore};
}

// Framing is lost at `at`: an open message ends there.
Step HttpDecoder::refuse(Direction direction, std::uint64_t at, MessageSink& sink) noexcept {
  Side& s = side(direction);
  if (s.open) finish(direction, sink, at);
  s.state = State::kHead;
  s.scan = {};
  if (direction == Direction::kToClient) awaits_request_ = takes_turns();
  forget();
  return {Verdict::kInvalid};
}

void HttpDecoder::finish(Direction direction, MessageSink& sink, std::uint64_t end,
                         std::optional<std::uint64_t> size, std::optional<Status> status) noexcept {
  side(direction).open = false;
  sink.end(direction, 0, MessageEnd{end, size, status, {}, status == Status::kError});
}

void HttpDecoder::forget() noexcept {
  pending_.forget();
  by_content_ = client().state == State::kHold || client().after == State::kHold;
}

void HttpDecoder::gap(Direction direction, std::uint64_t length, MessageSink& sink) noexcept {
  Side& s = side(direction);
  const std::uint64_t begin = s.next;
  s.next += length;
  s.scan = {};
  if (direction == Direction::kToServer) {
    pipelines_ = pipelines_ || (s.state == State::kHead && !pending_.none());
  } else {
    awaits_request_ = takes_turns();
  }
  if (s.state == State::kPeek && s.peeked == Body::kUntilClose) s.state = State::kUntilClose;
  if (s.state == State::kUntilClose || s.state == State::kHold) return;
  if (s.state == State::kPeek && s.peeked == Body::kLength) {
    finish(direction, sink, begin + s.body_size, s.body_size);
  }
  if (s.open) finish(direction, sink, begin);
  s.state = State::kHead;
  forget();
}

std::size_t HttpDecoder::resync(Direction direction, Bytes bytes) noexcept {
  Side& s = side(direction);
  if (s.state != State::kHead || bytes.empty()) return 0;
  pending_.doubt();
  if (direction == Direction::kToClient && awaits_request_) return bytes.size();
  s.guessed = true;
  return find_http_head(bytes, direction);
}

void HttpDecoder::close(Direction direction, Close how, std::uint64_t offset,
                        MessageSink& sink) noexcept {
  Side& s = side(direction);
  if (!s.open) return;
  const bool until_close =
      s.state == State::kUntilClose || (s.state == State::kPeek && s.peeked == Body::kUntilClose);
  const bool cut = how == Close::kFin || how == Close::kReset;
  if (until_close) {
    finish(direction, sink, offset, offset - std::min(offset, s.body),
           how == Close::kReset ? std::optional(Status::kError) : std::nullopt);
  } else if (s.state == State::kPeek) {
    finish(direction, sink, s.body);
  } else if (s.state == State::kTrailer) {
    finish(direction, sink, offset, s.body_size);
  } else if (direction == Direction::kToClient && cut) {
    finish(direction, sink, offset, std::nullopt, Status::kError);
  }
}

Match match_http(Bytes head, Direction direction, Transport transport) {
  return transport == Transport::kTcp ? match_http_head(head, direction) : Match::kNo;
}

std::unique_ptr<Decoder> make_http(const Limits& limits, Transport) {
  return std::make_unique<HttpDecoder>(limits);
}

constexpr std::uint16_t kPorts[] = {80, 8080, 8000, 8008, 8081, 8888, 3000, 3128, 5000, 9200};

}  // namespace

const Protocol kHttp{
    .name = "http",
    .transports = {.tcp = true},
    .ports = kPorts,
    .never_ports = {},
    .timeout = 120 * kSecond,
    .fifo = true,
    .match = match_http,
    .make = make_http,
    .fields = kHttpFields,
};

}  // namespace weir
