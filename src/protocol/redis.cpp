// Redis, RESP2 and RESP3: https://redis.io/docs/latest/develop/reference/protocol-spec/
//
//   request:  *N CR LF, then N times $size CR LF bytes CR LF     or a line of words (inline)
//   reply:    + text | - error | : integer | , double | ( big number | # t, f | _     each CR LF
//             $size CR LF bytes CR LF     ! error and = verbatim text likewise; $-1: null
//             *N, ~N set, >N push: N values follow; %N map, |N attribute: N pairs; *-1: null
//             size or N may be ?: ;size chunks up to ;0, or values up to .

#include <algorithm>
#include <array>
#include <string>

#include "protocol/decoder.h"
#include "protocol/redis_commands.h"
#include "protocol/redis_inline.h"
#include "protocol/redis_match.h"
#include "protocol/redis_resp.h"
#include "protocol/redis_session.h"
#include "protocol/registry.h"

namespace weir {
namespace {

constexpr Field kSystem{"db.system.name", FieldType::kText};
constexpr Field kOperation{"db.operation.name", FieldType::kText};
constexpr Field kQuery{"db.query.text", FieldType::kText};
constexpr Field kNamespace{"db.namespace", FieldType::kText};
constexpr Field kStatusCode{"db.response.status_code", FieldType::kText};
constexpr Field kErrorMessage{"error.message", FieldType::kText};
constexpr Field kReplyType{"weir.redis.reply_type", FieldType::kText};
constexpr Field kPush{"weir.redis.push", FieldType::kText};
constexpr Field kVersion{"network.protocol.version", FieldType::kText};

constexpr const Field* kFields[] = {&kSystem,       &kOperation, &kQuery,
                                    &kNamespace,    &kVersion,   &kStatusCode,
                                    &kErrorMessage, &kReplyType, &kPush};
constexpr const Field* kAsked[] = {&kQuery, &kPush};
constexpr const Field* kAnswered[] = {&kErrorMessage, &kReplyType};
constexpr const Field* kLabels[] = {&kOperation, &kStatusCode};
constexpr Vocabulary kVocabulary{"redis", MetricFamily::kDb, "redis", kAsked, kAnswered, kLabels};

constexpr std::size_t kMaxErrorText = 512;
constexpr std::int64_t kMaxArguments = 0x7fffffff;

// The word in capitals at the front of an error ("WRONGTYPE ..."); empty where there is none.
std::string_view error_code(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(' '));
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return word.size() <= 64 && word.find_first_not_of(kAllowed) == std::string_view::npos
             ? word
             : std::string_view{};
}

// An error that repeats what was sent does not show it.
std::string_view without_arguments(std::string_view text) {
  return text.substr(0, text.find(", with args beginning with"));
}

class FieldArray {
 public:
  FieldArray() {}  // the values are written before they are read

  void add(const Field& field, std::string_view text) {
    if (!text.empty()) fields_[count_++] = FieldValue::of(field, text);
  }
  std::span<const FieldValue> get() const { return {fields_.data(), count_}; }

 private:
  union {
    std::array<FieldValue, std::size(kFields)> fields_;
  };
  std::size_t count_ = 0;
};

class RedisDecoder : public Decoder {
 public:
  explicit RedisDecoder(const Limits& limits)
      : longest_line_(limits.head_bytes),
        raw_(limits.raw_queries),
        command_(limits.raw_queries),
        reader_(limits.head_bytes) {}

  Step decode(Direction direction, Bytes bytes, std::uint64_t offset,
              MessageSink& sink) noexcept override {
    Side& side = sides_[static_cast<std::size_t>(direction)];
    std::size_t at = side.resume > offset ? static_cast<std::size_t>(side.resume - offset) : 0;
    at = std::min(at, bytes.size());
    Step step = direction == Direction::kToServer ? decode_requests(bytes, at, offset, sink)
                                                  : decode_values(bytes, at, offset, sink);
    side.resume = offset + step.consumed;
    // Until a message is shown its bytes are kept: they carry the time of its beginning.
    if (step.verdict == Verdict::kNeedMore && holds(direction)) {
      const std::uint64_t begin =
          direction == Direction::kToServer ? begin_ : reader_.value().begin;
      step.consumed = static_cast<std::size_t>(begin - offset);
    }
    side.position = offset + step.consumed + step.skip;
    if (step.verdict == Verdict::kInvalid) {
      forget(direction, sink);
      side.refused = true;
    }
    return step;
  }

  void gap(Direction direction, std::uint64_t, MessageSink& sink) noexcept override {
    const bool inside = direction == Direction::kToClient && reader_.nested();
    forget(direction, sink);
    session_.on_gap(direction);
    sides_[static_cast<std::size_t>(direction)].refused = false;
    // What is left of an array looks like replies. The next request is sent after its end.
    if (direction == Direction::kToClient) awaits_request_ = inside && !session_.listening();
  }

  std::size_t resync(Direction direction, Bytes bytes) noexcept override {
    Side& side = sides_[static_cast<std::size_t>(direction)];
    const std::size_t from = side.refused ? 1 : 0;
    side.refused = false;
    if (direction == Direction::kToClient && awaits_request_) return bytes.size();
    return find_redis(bytes, direction, from, inline_seen_);
  }

  void close(Direction, Close, std::uint64_t, MessageSink&) noexcept override {}

 private:
  struct Side {
    std::uint64_t position = 0;  // up to here the stream was read or passed over
    std::uint64_t resume = 0;    // up to here what is held has been read
    bool open = false;           // a message was emitted whose end is to come
    bool refused = false;        // what comes next is no line's beginning
  };

  Side& client() { return sides_[0]; }
  Side& server() { return sides_[1]; }

  // Both read on at `at`, which is what they say was consumed when they return.
  Step decode_requests(Bytes bytes, std::size_t at, std::uint64_t offset, MessageSink& sink);
  Step decode_values(Bytes bytes, std::size_t at, std::uint64_t offset, MessageSink& sink);
  bool holds(Direction direction) const {
    return direction == Direction::kToClient ? reader_.holds() : arguments_ != 0 && !sides_[0].open;
  }
  bool read_whole_request(Bytes bytes, std::size_t& at, std::uint64_t offset, MessageSink& sink);
  RespResult read_request_head(Bytes bytes, std::size_t& at, std::uint64_t offset,
                               MessageSink& sink);
  RespResult read_inline(Bytes bytes, std::size_t& at, std::uint64_t offset, MessageSink& sink);
  RespResult read_argument(Bytes bytes, std::size_t& at, std::uint64_t offset, MessageSink& sink);
  void show_early(MessageSink& sink);
  void finish_request(std::uint64_t end, MessageSink& sink);
  void emit_request(std::uint64_t end, MessageSink& sink);
  void emit_empty_request(std::uint64_t end, MessageSink& sink);
  bool emit_value(std::uint64_t end, MessageSink& sink);
  void forget(Direction direction, MessageSink& sink);

  static Step step_of(RespResult result, std::size_t at, std::uint64_t skip) {
    if (result == RespResult::kInvalid) return {Verdict::kInvalid, at};
    if (result == RespResult::kSkip) return {Verdict::kProgress, at, skip};
    return {Verdict::kNeedMore, at};
  }

  const std::size_t longest_line_;
  const bool raw_;
  std::array<Side, 2> sides_;
  RedisSession session_;
  // The request that is being read.
  RedisCommand command_;
  RespRemainder rest_;           // of an argument
  std::uint64_t arguments_ = 0;  // still to come
  std::uint64_t begin_ = 0;
  std::uint64_t searched_ = 0;
  std::string word_;
  // Without one before, such a line after a gap is more likely the inside of a command.
  bool inline_seen_ = false;
  // What comes from the server.
  RespReader reader_;
  bool awaits_request_ = false;  // nothing from the server is read before the next request
};

Step RedisDecoder::decode_requests(Bytes bytes, std::size_t at, std::uint64_t offset,
                                   MessageSink& sink) {
  std::uint64_t skip = 0;
  for (;;) {
    while (arguments_ == 0 && !rest_.pending() && at < bytes.size() && bytes[at] == '*' &&
           read_whole_request(bytes, at, offset, sink)) {
    }
    if (rest_.pending()) {
      const RespResult passed = rest_.pass(bytes, at, skip);
      if (passed != RespResult::kValue) return step_of(passed, at, skip);
      if (client().open && arguments_ == 0) finish_request(offset + at, sink);
    }
    if (arguments_ != 0 && !client().open && offset + at - begin_ > kRespLarge) {
      show_early(sink);
    }
    if (at == bytes.size()) return {Verdict::kNeedMore, at};
    const RespResult result = arguments_ != 0    ? read_argument(bytes, at, offset, sink)
                              : bytes[at] == '*' ? read_request_head(bytes, at, offset, sink)
                                                 : read_inline(bytes, at, offset, sink);
    if (result != RespResult::kValue) return step_of(result, at, skip);
  }
}

// Nearly every request: all of it is there, and its arguments are short. False, with nothing done,
// for any other.
bool RedisDecoder::read_whole_request(Bytes bytes, std::size_t& at, std::uint64_t offset,
                                      MessageSink& sink) {
  constexpr std::int64_t kMost = 64;
  std::int64_t count = 0;
  std::size_t next = at + 1;
  if (read_resp_size(bytes, next, count) != RespResult::kValue || count <= 0 || count > kMost) {
    return false;
  }
  command_.clear();
  for (; count > 0; --count) {
    std::int64_t size = 0;
    if (next == bytes.size() || bytes[next++] != '$' ||
        read_resp_size(bytes, next, size) != RespResult::kValue) {
      return false;
    }
    const auto length = static_cast<std::size_t>(size);
    if (length > kRespWhole || bytes.size() - next < length + 2) return false;  // -1 too
    if (bytes[next + length] != '\r' || bytes[next + length + 1] != '\n') return false;
    command_.add(as_text(bytes.subspan(next, length)));
    next += length + 2;
  }
  begin_ = offset + at;
  at = next;
  emit_request(offset + at, sink);
  return true;
}

RespResult RedisDecoder::read_request_head(Bytes bytes, std::size_t& at, std::uint64_t offset,
                                           MessageSink& sink) {
  std::int64_t count = 0;
  std::size_t next = at + 1;
  const RespResult found = read_resp_size(bytes, next, count);
  if (found != RespResult::kValue) return found;
  if (count > kMaxArguments) return RespResult::kInvalid;
  begin_ = offset + at;
  at = next;
  if (count <= 0) {
    emit_empty_request(offset + at, sink);
    return RespResult::kValue;
  }
  command_.clear();
  arguments_ = static_cast<std::uint64_t>(count);
  return RespResult::kValue;
}

RespResult RedisDecoder::read_argument(Bytes bytes, std::size_t& at, std::uint64_t offset,
                                       MessageSink& sink) {
  if (bytes[at] != '$') return RespResult::kInvalid;
  std::int64_t number = 0;
  std::size_t data = at + 1;
  const RespResult found = read_resp_size(bytes, data, number);
  if (found != RespResult::kValue) return found;
  const auto size = static_cast<std::uint64_t>(number);
  if (size > kRespMaxString) return RespResult::kInvalid;  // negative ones too
  const std::size_t here = bytes.size() - data;
  if (size > kRespWhole) {
    const std::size_t wanted = !client().open && command_.wants_text() ? kRespWhole : 0;
    if (here < wanted) return RespResult::kNeedMore;
    if (!client().open) command_.add(as_text(bytes.subspan(data, wanted)));
    at = data;
    --arguments_;
    rest_.begin(size, arguments_ == 0 && !client().open);
    if (client().open) return RespResult::kValue;
    if (arguments_ != 0) {
      show_early(sink);
    } else {
      emit_request(offset + data + size + 2, sink);  // though its last bytes have not come
    }
    return RespResult::kValue;
  }
  if (here < size + 2) return RespResult::kNeedMore;
  const auto length = static_cast<std::size_t>(size);
  if (bytes[data + length] != '\r' || bytes[data + length + 1] != '\n') return RespResult::kInvalid;
  if (!client().open) command_.add(as_text(bytes.subspan(data, length)));
  at = data + length + 2;
  if (--arguments_ == 0) finish_request(offset + at, sink);
  return RespResult::kValue;
}

RespResult RedisDecoder::read_inline(Bytes bytes, std::size_t& at, std::uint64_t offset,
                                     MessageSink& sink) {
  std::size_t from = at;
  if (searched_ > offset + at) from = static_cast<std::size_t>(searched_ - offset);
  const std::string_view text = as_text(bytes);
  const std::size_t end = text.find('\n', std::min(from, text.size()));
  if (end == std::string_view::npos) {
    searched_ = offset + bytes.size();
    return bytes.size() - at > longest_line_ ? RespResult::kInvalid : RespResult::kNeedMore;
  }
  std::string_view line = text.substr(at, end - at);
  if (line.size() > longest_line_) return RespResult::kInvalid;
  if (line.ends_with('\r')) line.remove_suffix(1);
  command_.clear();
  if (!read_inline_command(line, command_, word_)) return RespResult::kInvalid;
  begin_ = offset + at;
  at = end + 1;
  if (command_.empty()) return RespResult::kValue;  // an empty line
  inline_seen_ = true;
  finish_request(offset + at, sink);
  return RespResult::kValue;
}

// Shows a request whose arguments have not all come.
void RedisDecoder::show_early(MessageSink& sink) {
  command_.add_unseen(arguments_);
  emit_request(Message::kOpenEnd, sink);
}

void RedisDecoder::finish_request(std::uint64_t end, MessageSink& sink) {
  if (!client().open) return emit_request(end, sink);
  client().open = false;
  sink.end(Direction::kToServer, 0, {end, {}, {}, {}});
}

// *0 or *-1: the server passes over it without an answer.
void RedisDecoder::emit_empty_request(std::uint64_t end, MessageSink& sink) {
  Message message;
  message.vocabulary = &kVocabulary;
  message.kind = MessageKind::kOneWay;
  message.direction = Direction::kToServer;
  message.begin = begin_;
  message.end = end;
  FieldArray fields;
  fields.add(kSystem, "redis");
  message.fields = fields.get();
  sink.on(message);
}

void RedisDecoder::emit_request(std::uint64_t end, MessageSink& sink) {
  Message message;
  message.vocabulary = &kVocabulary;
  message.kind = session_.on_request(command_);
  message.direction = Direction::kToServer;
  message.begin = begin_;
  message.end = end;
  FieldArray fields;
  fields.add(kSystem, "redis");
  fields.add(kOperation, command_.name());
  fields.add(kQuery, command_.query());
  if (message.kind == MessageKind::kOneWay) fields.add(kNamespace, session_.database());
  message.fields = fields.get();
  client().open = end == Message::kOpenEnd;
  awaits_request_ = false;
  sink.on(message);
}

Step RedisDecoder::decode_values(Bytes bytes, std::size_t at, std::uint64_t offset,
                                 MessageSink& sink) {
  std::uint64_t skip = 0;
  for (;;) {
    const RespResult result = reader_.read(bytes, at, offset, skip);
    if (result == RespResult::kInvalid && session_.sync_requested()) {
      if (bytes[at] != '\n' || reader_.nested()) return {Verdict::kOpaque, at};
      // A sign of life until the replication stream can begin.
      reader_.clear();
      ++at;
      continue;
    }
    if (result == RespResult::kLarge) {
      server().open = true;
      if (emit_value(Message::kOpenEnd, sink)) return {Verdict::kOpaque, at};
    } else if (result != RespResult::kValue) {
      return step_of(result, at, skip);
    } else if (server().open) {
      server().open = false;
      sink.end(Direction::kToClient, 0, {reader_.value().end, {}, {}, {}});
    } else if (emit_value(reader_.value().end, sink)) {
      return {Verdict::kOpaque, at};
    }
  }
}

// True when what follows is a replication stream.
bool RedisDecoder::emit_value(std::uint64_t end, MessageSink& sink) {
  const RespReader::Value& value = reader_.value();
  const RedisSession::Answer answer = session_.on_value(value);
  Message message;
  message.vocabulary = &kVocabulary;
  message.kind = answer.kind;
  message.direction = Direction::kToClient;
  message.begin = value.begin;
  message.end = end;
  FieldArray fields;
  if (answer.kind == MessageKind::kUnpaired) fields.add(kSystem, "redis");
  fields.add(kReplyType, resp_type_name(value));
  fields.add(kPush, answer.pushed);
  if (value.mark == '-' || value.mark == '!') {
    message.status = Status::kError;
    const std::string_view text = raw_ ? value.text : without_arguments(value.text);
    fields.add(kStatusCode, error_code(value.text));
    fields.add(kErrorMessage, text.substr(0, kMaxErrorText));
  }
  const char version = session_.version();
  fields.add(kVersion, {&version, 1});
  fields.add(kNamespace, session_.database());
  message.fields = fields.get();
  sink.on(message);
  return answer.opaque;
}

// After a loss, or bytes that are not Redis: what was being read has ended where it stands.
void RedisDecoder::forget(Direction direction, MessageSink& sink) {
  Side& side = sides_[static_cast<std::size_t>(direction)];
  if (side.open) sink.end(direction, 0, {side.position, {}, {}, {}});
  side.open = false;
  side.resume = 0;
  if (direction == Direction::kToClient) {
    reader_.clear();
    return;
  }
  rest_.clear();
  arguments_ = 0;
}

Match match(Bytes head, Direction direction, Transport transport) {
  return transport == Transport::kTcp ? match_redis(head, direction) : Match::kNo;
}

std::unique_ptr<Decoder> make(const Limits& limits, Transport) {
  return std::make_unique<RedisDecoder>(limits);
}

constexpr std::uint16_t kPorts[] = {6379, 6380, 7000, 7001, 7002, 7003, 7004, 7005, 26379};
constexpr Nanos kTimeout = 600 * kSecond;  // blocking commands wait for long

}  // namespace

constinit const Protocol kRedis{.name = "redis",
                                .transports = {.tcp = true, .udp = false},
                                .ports = kPorts,
                                .never_ports = {},
                                .timeout = kTimeout,
                                .fifo = true,
                                .match = match,
                                .make = make,
                                .fields = kFields};

}  // namespace weir
