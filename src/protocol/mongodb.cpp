// MongoDB's wire protocol:
// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ (all numbers little-endian)
//
//   head:        | length 32 | request id 32 | answers 32 | code 32 |        length counts the head
//   OP_MSG:      | flags 32 | (kind 8, section)... | checksum 32 if flagged |
//   section:     0: document   1: | size 32 | name 0 | document... |
//   OP_COMPRESSED: | original code 32 | size 32 | compressor 8 | what follows the head, compressed
//   | before 3.6:  OP_QUERY, OP_GET_MORE (answered by OP_REPLY), OP_INSERT, OP_UPDATE, OP_DELETE,
//                OP_KILL_CURSORS (answered by nothing)

#include <array>

#include "protocol/decoder.h"
#include "protocol/mongodb_body.h"
#include "protocol/mongodb_compression.h"
#include "protocol/mongodb_frames.h"
#include "protocol/registry.h"
#include "protocol/text_buffer.h"

namespace weir {
namespace {

constexpr Field kSystem{"db.system.name", FieldType::kText};
constexpr Field kOperation{"db.operation.name", FieldType::kText};
constexpr Field kBatch{"db.operation.batch.size", FieldType::kInt};
constexpr Field kNamespace{"db.namespace", FieldType::kText};
constexpr Field kCollection{"db.collection.name", FieldType::kText};
constexpr Field kQuery{"db.query.text", FieldType::kText};
constexpr Field kReturned{"db.response.returned_rows", FieldType::kInt};
constexpr Field kStatusCode{"db.response.status_code", FieldType::kText};
constexpr Field kErrorType{"error.type", FieldType::kText};
constexpr Field kErrorMessage{"error.message", FieldType::kText};
constexpr Field kRequestId{"weir.mongodb.request_id", FieldType::kInt};
constexpr Field kOpcode{"weir.mongodb.opcode", FieldType::kInt};
constexpr Field kCompressor{"weir.mongodb.compressor", FieldType::kText};
constexpr Field kCount{"weir.mongodb.n", FieldType::kInt};
constexpr Field kExhaust{"weir.mongodb.exhaust", FieldType::kBool};

constexpr const Field* kAsked[] = {&kNamespace, &kQuery};
constexpr const Field* kAnswered[] = {&kErrorMessage, &kErrorType};
constexpr const Field* kLabels[] = {&kOperation, &kCollection, &kStatusCode};
constexpr const Field* kFields[] = {&kSystem,     &kOperation,    &kBatch,     &kNamespace,
                                    &kCollection, &kQuery,        &kReturned,  &kStatusCode,
                                    &kErrorType,  &kErrorMessage, &kRequestId, &kOpcode,
                                    &kCompressor, &kCount,        &kExhaust};
constexpr Vocabulary kVocabulary{"mongodb", MetricFamily::kDb, "mongodb",
                                 kAsked,    kAnswered,         kLabels};

constexpr std::size_t kWindow = 16384;  // what is waited for of a message
constexpr std::size_t kPlainRoom = 65536;
constexpr std::size_t kTextRoom = 4096;
constexpr std::size_t kKeptRoom = 1024;
constexpr std::size_t kMostNamespace = 256;
constexpr std::uint32_t kChecksum = 1, kMoreToCome = 2;  // flags of OP_MSG
constexpr std::uint32_t kQueryExhaust = 64;              // of OP_QUERY
constexpr std::uint32_t kQueryFailure = 2;               // of OP_REPLY
// What a plain query is called; commands have other names.
constexpr std::string_view kPlainQuery = "query";

class Values {
 public:
  void add(const Field& field, std::string_view text) {
    if (!text.empty()) fields_[count_++] = FieldValue::of(field, text);
  }
  void add(const Field& field, std::int64_t number) {
    fields_[count_++] = FieldValue::of(field, number);
  }
  void add(const Field& field, const std::optional<std::int64_t>& number) {
    if (number) add(field, *number);
  }
  std::span<const FieldValue> get() const { return {fields_.data(), count_}; }

 private:
  std::array<FieldValue, std::size(kFields)> fields_;
  std::size_t count_ = 0;
};

// A message's content, uncompressed as far as it is there.
struct Body {
  MongoHead head;  // with the code of what was compressed
  Bytes there;     // behind the head
  std::uint64_t size = 0;
  std::string_view compressor;

  std::uint32_t flags() const { return there.size() < 4 ? 0 : load_le32(there.data()); }
  bool compressed() const { return !compressor.empty(); }
};

class MongoDecoder : public Decoder {
 public:
  explicit MongoDecoder(const Limits& limits) : raw_(limits.raw_queries) {}

  Step decode(Direction direction, Bytes bytes, std::uint64_t offset,
              MessageSink& sink) noexcept override {
    Way& way = ways_[index(direction)];
    std::size_t at = 0;
    for (;;) {
      Step step = way.tail && way.tail->open
                      ? continue_tail(direction, bytes.subspan(at), offset + at, sink)
                      : read_message(direction, bytes.subspan(at), offset + at, sink);
      at += step.consumed;
      if (step.verdict == Verdict::kProgress && step.skip == 0 && at < bytes.size()) {
        continue;
      }
      if (step.verdict == Verdict::kInvalid) way.end = 0;
      step.consumed = at;
      way.position = offset + at + step.skip;
      return step;
    }
  }

  void gap(Direction direction, std::uint64_t length, MessageSink& sink) noexcept override {
    Way& way = ways_[index(direction)];
    if (way.tail && way.tail->open) end_tail(direction, way.position, sink);
    way.position += length;
    if (direction == Direction::kToClient) exhausting_ = false;
  }

  std::size_t resync(Direction direction, Bytes bytes) noexcept override {
    Way& way = ways_[index(direction)];
    way.doubtful = true;
    std::size_t at = 0;
    // The rest of the message in which bytes were lost, if its head was seen.
    if (way.position < way.end) {
      at = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), way.end - way.position));
    }
    for (; at < bytes.size(); ++at) {
      if (check_mongo(bytes.subspan(at), direction) != MongoFit::kNo) break;
    }
    way.position += at;
    return at;
  }

  void close(Direction direction, Close, std::uint64_t, MessageSink&) noexcept override {
    Way& way = ways_[index(direction)];
    if (way.tail) way.tail->open = false;
  }

 private:
  // A message of which only the beginning and the end are looked at.
  struct Tail {
    bool open = false;
    std::uint64_t begin = 0, end = 0;  // of the message, in the stream
    std::uint64_t stream_id = 0;
    MongoWalk walk;
    MongoRequest request;
    MongoReply reply;
    bool named = false, placed = false, in_collection = false;  // what was told at its beginning
    std::array<char, kKeptRoom> room;
    TextBuffer kept{room};
  };
  struct Way {
    bool doubtful = false;                // it is a guess where the next message begins
    std::uint64_t position = 0, end = 0;  // in the stream: read up to here; of the last message
    std::unique_ptr<Tail> tail;
  };

  static std::size_t index(Direction direction) { return static_cast<std::size_t>(direction); }

  Step read_message(Direction direction, Bytes bytes, std::uint64_t offset, MessageSink& sink) {
    Way& way = ways_[index(direction)];
    const MongoFit fit = check_mongo(bytes, direction);
    if (fit == MongoFit::kNo) return {Verdict::kInvalid};
    if (bytes.size() < kMongoHead || (fit == MongoFit::kMore && way.doubtful)) return {};
    Body body;
    read_mongo_head(bytes, direction, body.head);
    const std::size_t length = body.head.length;
    way.end = offset + length;
    const std::size_t window = std::min(length, kWindow);
    if (bytes.size() < window) return {};
    way.doubtful = false;
    body.there = bytes.subspan(kMongoHead, window - kMongoHead);
    body.size = length - kMongoHead;
    std::uint8_t room[kPlainRoom];
    if (body.head.code == MongoCode::kCompressed) uncompress(body, room);
    const bool open = direction == Direction::kToServer ? read_request(body, offset, sink)
                                                        : read_reply(body, offset, sink);
    const std::uint64_t next = open ? kMongoHead + way.tail->walk.at() : length;
    const auto consumed = static_cast<std::size_t>(std::min<std::uint64_t>(window, next));
    return {Verdict::kProgress, consumed, next - consumed};
  }

  static void uncompress(Body& body, std::span<std::uint8_t> room) {
    const std::uint8_t compressor = body.there[8];
    body.head.code = static_cast<MongoCode>(load_le32(body.there.data()));
    body.size = load_le32(body.there.data() + 4);
    body.compressor = mongo_compressor_name(compressor);
    body.there = uncompress_beginning(compressor, body.there.subspan(kMongoCompressedHead), room);
    if (body.there.size() > body.size) {
      body.there = body.there.first(static_cast<std::size_t>(body.size));
    }
  }

  // Where the sections of an OP_MSG are.
  static MongoWalk sections_of(const Body& body) {
    const std::uint64_t behind = (body.flags() & kChecksum) != 0 ? 4 : 0;
    return MongoWalk::sections(4, std::max<std::uint64_t>(body.size, 4 + behind) - behind);
  }

  // The rest of this message is to be looked at, too.
  Tail& open_tail(Direction direction, const Body& body, std::uint64_t begin,
                  std::uint64_t stream_id) {
    Way& way = ways_[index(direction)];
    if (!way.tail) way.tail = std::make_unique<Tail>();
    Tail& tail = *way.tail;
    tail.open = true;
    tail.begin = begin;
    tail.end = begin + body.head.length;
    tail.stream_id = stream_id;
    tail.request = {};
    tail.reply = {};
    tail.kept.cut(0);
    return tail;
  }

  // A message with its beginning told; true where there is more to be read at its end.
  bool read_request(const Body& body, std::uint64_t begin, MessageSink& sink) {
    char room[kTextRoom];
    TextBuffer text(room);
    MongoCommandText shown(raw_, text);
    MongoRequest request;
    std::string_view query;
    MessageKind kind = MessageKind::kRequest;
    MongoWalk walk;
    bool more = false;
    const auto read_command = [&] {
      MongoItem item;
      MongoWalk::Read read;
      while ((read = walk.next(body.there, 0, item)) == MongoWalk::Read::kItem) {
        request.take(item, nullptr);
        shown.take(item);
      }
      more = read == MongoWalk::Read::kMore;
      query = shown.finish(request);
    };
    switch (body.head.code) {
      case MongoCode::kMessage:
        if ((body.flags() & kMoreToCome) != 0) kind = MessageKind::kOneWay;
        walk = sections_of(body);
        read_command();
        break;
      case MongoCode::kQuery:
        if ((body.flags() & kQueryExhaust) != 0) follow(body.head.id);
        if (const std::uint64_t document = read_namespace(body, 4, 8, request);
            request.collection == "$cmd") {
          request.collection = {};
          walk = MongoWalk::document(document, body.size);
          read_command();
        } else {
          request.operation = kPlainQuery;
          query = put_query(body, document, request, text);
        }
        break;
      case MongoCode::kKillCursors:
        kind = MessageKind::kOneWay;
        request.operation = "killCursors";
        query = put_mongo_command(request.operation, {}, text);
        break;
      default:
        if (body.head.code != MongoCode::kGetMore) kind = MessageKind::kOneWay;
        read_namespace(body, 4, 0, request);
        request.operation = body.head.code == MongoCode::kInsert   ? "insert"
                            : body.head.code == MongoCode::kUpdate ? "update"
                            : body.head.code == MongoCode::kDelete ? "delete"
                                                                   : "getMore";
        query = put_mongo_command(request.operation, request.collection, text);
        break;
    }
    Message message = message_of(body, kind, Direction::kToServer, begin, body.head.id);
    Values values;
    values.add(kSystem, "mongodb");
    values.add(kOperation, request.operation);
    values.add(kNamespace, request.database);
    values.add(kCollection, request.collection);
    values.add(kQuery, query);
    if (request.batch > 1) values.add(kBatch, request.batch);
    values.add(kRequestId, std::int64_t{static_cast<std::int32_t>(body.head.id)});
    values.add(kOpcode, static_cast<std::int64_t>(body.head.code));
    values.add(kCompressor, body.compressor);
    message.fields = values.get();
    more = more && !body.compressed() && begin + kMongoHead + walk.at() < message.end;
    if (more) {
      message.end = Message::kOpenEnd;
      Tail& tail = open_tail(Direction::kToServer, body, begin, message.stream_id);
      tail.walk = walk;
      tail.named = !request.operation.empty();
      tail.placed = !request.database.empty();
      tail.in_collection = !request.collection.empty();
      if (request.operation == "getMore") tail.request.operation = "getMore";
    }
    sink.on(message);
    return more;
  }

  bool read_reply(const Body& body, std::uint64_t begin, MessageSink& sink) {
    const bool old = body.head.code == MongoCode::kReply;
    MongoReply reply;
    MongoWalk walk = sections_of(body);
    bool follows = (body.flags() & kMoreToCome) != 0;  // another, without being asked
    if (old) {
      follows = exhausting_ && body.there.size() >= 12 && load_le64(body.there.data() + 4) != 0;
      if (body.there.size() >= 20) reply.returned = load_le32(body.there.data() + 16);
      walk = MongoWalk::document(body.size, body.size);
      if (holds_result(body, begin, reply, sink)) {
        walk = MongoWalk::document(20, body.size);
        reply.returned.reset();
      }
    }
    const bool unasked = exhausting_ && exhaust_id_ == body.head.answers && exhaust_begun_;
    exhausting_ = follows;
    exhaust_begun_ = follows;
    exhaust_id_ = body.head.id;

    Tail* tail = nullptr;
    if (body.size + kMongoHead > kWindow && !body.compressed()) {
      tail = &open_tail(Direction::kToClient, body, begin, body.head.answers);
      tail->open = false;
    }
    TextBuffer* kept = tail ? &tail->kept : nullptr;
    MongoItem item;
    MongoWalk::Read read;
    while ((read = walk.next(body.there, 0, item)) == MongoWalk::Read::kItem) {
      reply.take(item, kept);
    }
    Message message = message_of(body, unasked ? MessageKind::kUnpaired : MessageKind::kResponse,
                                 Direction::kToClient, begin, body.head.answers);
    const bool more =
        tail && read == MongoWalk::Read::kMore && begin + kMongoHead + walk.at() < message.end;
    Values values;
    if (unasked) values.add(kSystem, "mongodb");
    values.add(kCompressor, unasked ? body.compressor : std::string_view{});
    if (follows || unasked) values.add(kExhaust, 1);
    char room[kTextRoom];
    TextBuffer text(room);
    if (more) {
      message.end = Message::kOpenEnd;
      tail->open = true;
      tail->walk = walk;
      tail->reply = reply;
    } else {
      add_reply(reply, old, text, values);
      message.status = reply.failed ? Status::kError : Status::kOk;
    }
    message.fields = values.get();
    sink.on(message);
    return more;
  }

  static Message message_of(const Body& body, MessageKind kind, Direction direction,
                            std::uint64_t begin, std::uint64_t stream_id) {
    Message message;
    message.vocabulary = &kVocabulary;
    message.kind = kind;
    message.direction = direction;
    message.stream_id = stream_id;
    message.begin = begin;
    message.end = begin + body.head.length;
    return message;
  }

  // Whether the first document of an OP_REPLY says how a command ended. Of a plain query's answer
  // it is the user's, whatever names are in it.
  static bool holds_result(const Body& body, std::uint64_t begin, const MongoReply& reply,
                           MessageSink& sink) {
    if ((body.flags() & kQueryFailure) != 0) return true;
    if (reply.returned != 1) return false;
    const auto asked = sink.asked(body.head.answers, begin, kOperation);
    return asked && *asked != kPlainQuery && *asked != "getMore";
  }

  void add_reply(const MongoReply& reply, bool old, TextBuffer& text, Values& values) const {
    if (!old || !reply.failed) values.add(kReturned, reply.returned);
    values.add(kCount, reply.count);
    if (!reply.failed) return;
    const std::size_t mark = text.size();
    if (reply.code) {
      if (*reply.code < 0) text.put('-');
      text.put_number(static_cast<std::uint64_t>(*reply.code < 0 ? -*reply.code : *reply.code));
    }
    const std::string_view code = text.since(mark);
    std::string_view name = reply.code_name;
    if (name.empty() && reply.code) name = mongo_code_name(*reply.code);
    values.add(kStatusCode, code);
    values.add(kErrorType, name.empty() ? (code.empty() ? "_OTHER" : code) : name);
    values.add(kErrorMessage, put_mongo_message(reply.message, raw_, text));
  }

  // `db.collection` behind `before` bytes; where what follows `behind` more begins.
  static std::uint64_t read_namespace(const Body& body, std::size_t before, std::size_t behind,
                                      MongoRequest& request) {
    if (body.there.size() < before) return body.size;
    const std::string_view rest = as_text(body.there.subspan(before)).substr(0, kMostNamespace);
    const std::string_view full = rest.substr(0, rest.find('\0'));
    const std::size_t dot = full.find('.');
    request.database = full.substr(0, dot);
    if (dot != std::string_view::npos) request.collection = full.substr(dot + 1);
    return std::min<std::uint64_t>(body.size, before + full.size() + 1 + behind);
  }

  std::string_view put_query(const Body& body, std::uint64_t document, const MongoRequest& request,
                             TextBuffer& text) const {
    BsonElement filter;
    filter.type = BsonType::kDocument;
    if (document < body.there.size()) filter.value = body.there.subspan(document);
    text.put("{\"query\": \"");
    text.put(request.collection);
    text.put("\", \"filter\": ");
    put_bson_value(filter, raw_ ? BsonValues::kShown : BsonValues::kHidden, text);
    text.put('}');
    return text.since(0);
  }

  // The answers to this request follow each other without being asked for.
  void follow(std::uint32_t id) {
    exhausting_ = true;
    exhaust_begun_ = false;
    exhaust_id_ = id;
  }

  Step continue_tail(Direction direction, Bytes bytes, std::uint64_t offset, MessageSink& sink) {
    Tail& tail = *ways_[index(direction)].tail;
    const std::uint64_t base = offset - tail.begin - kMongoHead;
    const auto left = static_cast<std::size_t>(
        std::min<std::uint64_t>(bytes.size(), tail.end - std::min(tail.end, offset)));
    const Bytes there = bytes.first(left);
    MongoItem item;
    MongoWalk::Read read;
    while ((read = tail.walk.next(there, base, item)) == MongoWalk::Read::kItem) {
      if (item.element.size > MongoWalk::kShort) {  // may be here in part
        item.element.value = {};
        item.documents = {};
      }
      if (direction == Direction::kToServer) {
        tail.request.take(item, &tail.kept);
      } else {
        tail.reply.take(item, &tail.kept);
      }
    }
    const std::uint64_t next = tail.begin + kMongoHead + tail.walk.at();
    if (read == MongoWalk::Read::kMore && next < tail.end && offset + left < tail.end) {
      if (next == offset) return {};
      return {Verdict::kProgress, 0, next - offset};
    }
    end_tail(direction, tail.end, sink);
    return {Verdict::kProgress, 0, tail.end - offset};
  }

  // What its end has told is added to the message.
  void end_tail(Direction direction, std::uint64_t end, MessageSink& sink) {
    Tail& tail = *ways_[index(direction)].tail;
    tail.open = false;
    char room[kTextRoom];
    TextBuffer text(room);
    Values values;
    MessageEnd ended;
    ended.end = end;
    ended.wire_bytes = tail.end - tail.begin;
    if (direction == Direction::kToServer) {
      const MongoRequest& request = tail.request;
      if (!tail.named && !request.operation.empty()) {
        values.add(kOperation, request.operation);
        values.add(kQuery, put_mongo_command(request.operation, request.collection, text));
      }
      if (!tail.placed) values.add(kNamespace, request.database);
      if (!tail.in_collection) values.add(kCollection, request.collection);
    } else {
      add_reply(tail.reply, false, text, values);
      ended.status = tail.reply.failed ? Status::kError : Status::kOk;
    }
    ended.fields = values.get();
    sink.end(direction, tail.stream_id, ended);
  }

  const bool raw_;
  std::array<Way, 2> ways_;
  // The server sends answers that it is not asked for: they answer each other.
  bool exhausting_ = false, exhaust_begun_ = false;
  std::uint32_t exhaust_id_ = 0;
};

Match match(Bytes head, Direction direction, Transport transport) {
  if (transport != Transport::kTcp) return Match::kNo;
  switch (check_mongo(head, direction)) {
    case MongoFit::kMore:
      return Match::kNeedMore;
    case MongoFit::kWell:
      return Match::kMaybe;
    case MongoFit::kSure:
      return Match::kYes;
    case MongoFit::kNo:
      break;
  }
  return Match::kNo;
}

std::unique_ptr<Decoder> make(const Limits& limits, Transport) {
  return std::make_unique<MongoDecoder>(limits);
}

constexpr std::uint16_t kPorts[] = {27017, 27018, 27019, 27020};

}  // namespace

constinit const Protocol kMongo{.name = "mongodb",
                                .transports = {.tcp = true, .udp = false},
                                .ports = kPorts,
                                .never_ports = {},
                                .timeout = 600 * kSecond,  // commands run for long
                                .fifo = false,
                                .match = match,
                                .make = make,
                                .fields = kFields};

}  // namespace weir
