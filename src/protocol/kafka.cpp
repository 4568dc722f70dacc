// Apache Kafka: https://kafka.apache.org/protocol
//
//   request:   size 32 | key 16 | version 16 | correlation 32 | client (size 16, text) [ tags ] |
//   body answer:    size 32 | correlation 32 [ tags ] | body body:      what the rows of its API
//   and version say (kafka_requests.h, kafka_responses.h);
//              in flexible versions sizes are varints, and each structure ends with tagged fields
//   tags:      count, (tag, size, bytes)*, varints
//   records:   size, then batches, each: offset 64 | size 32 | epoch 32 | magic 8 | ... count 32 |
//   ...

#include <algorithm>
#include <utility>

#include "protocol/decoder.h"
#include "protocol/kafka_fields.h"
#include "protocol/kafka_frames.h"
#include "protocol/kafka_pending.h"
#include "protocol/kafka_report.h"
#include "protocol/kafka_walk.h"
#include "protocol/registry.h"

namespace weir {
namespace {

constexpr std::size_t kAnswerHead = 8;
constexpr std::uint32_t kMostToken = 65536;  // of an authentication without heads
constexpr std::uint16_t kUnknownKey = 0xffff;

class KafkaDecoder : public Decoder {
 public:
  Step decode(Direction direction, Bytes bytes, std::uint64_t offset,
              MessageSink& sink) noexcept override;
  void gap(Direction direction, std::uint64_t length, MessageSink& sink) noexcept override;
  std::size_t resync(Direction direction, Bytes bytes) noexcept override;
  void close(Direction direction, Close, std::uint64_t offset, MessageSink& sink) noexcept override;

 private:
  enum class Begun : std::uint8_t { kYes, kMore, kInvalid };
  // The frame that passes in one direction.
  struct Way {
    explicit Way(KafkaTopics& topics) : report(topics) {}

    KafkaReport report;
    KafkaWalk walk;
    Message message;
    KafkaPending::Request request{};  // that the frame is, or that it answers
    std::uint64_t next = 0;           // where the next bytes begin
    std::uint64_t unread = 0;         // of a frame that a gap has hit, behind the gap
    bool walking = false;             // the frame's body is not over
    bool tags = false;                // those of an answer's head come first
    bool silent = false;              // the frame is no message
    bool announced = false;           // the message was handed on, but not its end
    bool doubtful = false;            // it is a guess that a frame begins here
    bool framed = false;              // after a gap: it is none
  };

  Way& way(Direction direction) { return ways_[static_cast<std::size_t>(direction)]; }
  Begun begin(Way& w, Direction direction, Bytes bytes, std::uint64_t offset, std::size_t& length);
  Begun begin_request(Way& w, Bytes bytes, std::size_t& length);
  Begun begin_answer(Way& w, Bytes bytes, std::size_t& length);
  static void begin_silent(Way& w);
  static void begin_body(Way& w);
  bool walk(Way& w, Bytes bytes, std::size_t& at, std::uint64_t offset, Step& step,
            MessageSink& sink);
  bool pause(Way& w, std::size_t& at, std::uint64_t offset, MessageSink& sink);
  void decide_kind(Way& w);
  void announce(Way& w, MessageSink& sink);
  void finish(Way& w, std::uint64_t end, bool incomplete, MessageSink& sink);
  std::optional<std::size_t> find(Direction direction, Bytes bytes, Match wanted) const;
  Match doubt(Direction direction, Bytes bytes) const;

  KafkaTopics topics_;
  KafkaPending pending_;
  Way ways_[2] = {Way(topics_), Way(topics_)};
  bool raw_sasl_ = false;  // tokens without heads follow, as SaslHandshake 0 begins them
};

// Passes over `left` bytes that follow bytes[at].
void pass(Bytes bytes, std::uint64_t left, std::size_t& at, Step& step) {
  const std::size_t there = bytes.size() - at;
  if (left <= there) {
    at += static_cast<std::size_t>(left);
    return;
  }
  at = bytes.size();
  step.skip = left - there;
  step.passed = there;
}

Step KafkaDecoder::decode(Direction direction, Bytes bytes, std::uint64_t offset,
                          MessageSink& sink) noexcept {
  Way& w = way(direction);
  Step step;
  std::size_t at = 0;
  pass(bytes, std::exchange(w.unread, 0), at, step);
  while (at < bytes.size()) {
    if (!w.walking) {
      std::size_t length = 0;
      const Begun begun = begin(w, direction, bytes.subspan(at), offset + at, length);
      if (begun == Begun::kInvalid) step.verdict = Verdict::kInvalid;
      if (begun != Begun::kYes) break;
      at += length;
    }
    if (!walk(w, bytes, at, offset, step, sink)) break;
  }
  step.consumed = at;
  w.next = offset + at + step.skip;
  const bool moved = at > 0 || step.skip > 0;
  if (step.verdict == Verdict::kNeedMore && moved) step.verdict = Verdict::kProgress;
  return step;
}

KafkaDecoder::Begun KafkaDecoder::begin(Way& w, Direction direction, Bytes bytes,
                                        std::uint64_t offset, std::size_t& length) {
  w.message = {};
  w.message.vocabulary = &kKafkaVocabulary;
  w.message.direction = direction;
  w.message.begin = offset;
  w.tags = w.silent = w.announced = w.framed = false;
  if (w.doubtful) {
    const Match match = doubt(direction, bytes);
    // What is undecided gives way to what is sure.
    const bool waits = match == Match::kNeedMore && !find(direction, bytes, Match::kYes);
    if (match != Match::kYes) return waits ? Begun::kMore : Begun::kInvalid;
  }
  const Begun begun = direction == Direction::kToServer ? begin_request(w, bytes, length)
                                                        : begin_answer(w, bytes, length);
  if (begun != Begun::kYes) return begun;
  const std::uint32_t size = load_be32(bytes.data());
  w.message.end = offset + kKafkaPrefix + size;
  w.message.size_bytes = size;
  w.walking = true;
  w.doubtful = false;
  return begun;
}

KafkaDecoder::Begun KafkaDecoder::begin_request(Way& w, Bytes bytes, std::size_t& length) {
  KafkaRequestHead head;
  const KafkaFit fit = read_kafka_request(bytes, w.doubtful || raw_sasl_, head);
  if (fit == KafkaFit::kNo && raw_sasl_ && head.size <= kMostToken) {
    length = kKafkaPrefix;
    begin_silent(w);
    return bytes.size() < length ? Begun::kMore : Begun::kYes;
  }
  if (fit == KafkaFit::kNo) return Begun::kInvalid;
  if (fit == KafkaFit::kPartly) return Begun::kMore;
  raw_sasl_ = false;
  length = head.length;
  w.request = {head.correlation, head.key, head.version};
  w.message.stream_id = static_cast<std::uint32_t>(head.correlation);
  w.report.begin(Direction::kToServer, head.api, head.key, head.version, head.correlation);
  w.report.set_client(head.client);
  begin_body(w);
  return Begun::kYes;
}

KafkaDecoder::Begun KafkaDecoder::begin_answer(Way& w, Bytes bytes, std::size_t& length) {
  if (bytes.size() < kKafkaPrefix) return Begun::kMore;
  const std::uint32_t size = load_be32(bytes.data());
  const bool token = raw_sasl_ && size <= kMostToken;
  if (size < kKafkaPrefix && token) {
    length = kKafkaPrefix;
    begin_silent(w);
    return Begun::kYes;
  }
  if (size < kKafkaPrefix || size > kKafkaMostTrusted) return Begun::kInvalid;
  if (bytes.size() < kAnswerHead) return Begun::kMore;
  const auto correlation = static_cast<std::int32_t>(load_be32(bytes.data() + kKafkaPrefix));
  const std::optional<KafkaPending::Request> request = pending_.look(correlation);
  if (!request && size > kKafkaMostSize) return Begun::kInvalid;
  length = kAnswerHead;
  w.message.stream_id = static_cast<std::uint32_t>(correlation);
  if (!request && token) {
    begin_silent(w);
    return Begun::kYes;
  }
  const KafkaApi* api = request ? find_kafka_api(request->key) : nullptr;
  w.request = request.value_or(KafkaPending::Request{correlation, kUnknownKey, 0});
  w.report.begin(Direction::kToClient, api, w.request.key, w.request.version, correlation);
  w.message.kind = request ? MessageKind::kResponse : MessageKind::kUnpaired;
  if (!request) w.message.quality = Quality::kLateJoin;  // nobody knows what it answers
  w.tags = api != nullptr && kafka_answer_has_tags(*api, w.request.key, w.request.version);
  if (w.tags) {
    w.walk.begin({}, 0, true, false);
  } else {
    begin_body(w);
  }
  return Begun::kYes;
}

void KafkaDecoder::begin_silent(Way& w) {
  w.silent = true;
  w.walk.begin({}, 0, false, false);
}

void KafkaDecoder::begin_body(Way& w) {
  const KafkaApi* api = find_kafka_api(w.request.key);
  std::span<const KafkaRow> rows;
  const bool answer = w.message.direction == Direction::kToClient;
  if (api != nullptr && w.request.version <= api->last)
    rows = answer ? api->response : api->request;
  const bool flexible = !rows.empty() && w.request.version >= api->flexible;
  const bool may_fall_back = answer && w.request.key == kKafkaApiVersions;
  w.walk.begin(rows, w.request.version, flexible, may_fall_back);
}

// Goes on with the frame's body; false when no more can be done with these bytes.
bool KafkaDecoder::walk(Way& w, Bytes bytes, std::size_t& at, std::uint64_t offset, Step& step,
                        MessageSink& sink) {
  for (;;) {
    const std::uint64_t left = w.message.end - (offset + at);
    const KafkaWalk::Result result = w.walk.advance(bytes.subspan(at), left, w.report);
    at += result.consumed;
    if (result.end == KafkaWalk::End::kDone && std::exchange(w.tags, false)) {
      begin_body(w);
      continue;
    }
    if (result.end == KafkaWalk::End::kMore) return pause(w, at, offset, sink);
    const bool passes = result.end == KafkaWalk::End::kSkip;
    if (passes) {
      step.skip = result.skip;
      step.passed = result.passed;
      if (offset + at + step.skip < w.message.end) {
        if (w.report.one_way()) announce(w, sink);
        return false;
      }
    } else {
      pass(bytes, w.message.end - (offset + at), at, step);
    }
    finish(w, w.message.end, false, sink);
    return step.skip == 0;
  }
}

// The body goes on in bytes that are not there yet. Nothing is said of a request of which it is not
// known yet whether it wants an answer.
bool KafkaDecoder::pause(Way& w, std::size_t& at, std::uint64_t offset, MessageSink& sink) {
  if (w.report.one_way() || w.message.begin < offset) {
    announce(w, sink);
  } else {
    at = static_cast<std::size_t>(w.message.begin - offset);
    w.walking = false;
  }
  return false;
}

// Once for each message that is told; one that begins anew, as more of it has come, is not answered
// yet.
void KafkaDecoder::decide_kind(Way& w) {
  if (w.message.direction == Direction::kToClient) {
    pending_.answered(w.request.correlation);
    return;
  }
  const bool one_way = w.report.one_way().value_or(false);
  w.message.kind = one_way ? MessageKind::kOneWay : MessageKind::kRequest;
  if (!one_way) pending_.push(w.request);
}

// What is known before the end has been seen.
void KafkaDecoder::announce(Way& w, MessageSink& sink) {
  if (std::exchange(w.announced, true) || w.silent) return;
  decide_kind(w);
  KafkaReport::Values values;
  if (w.message.kind != MessageKind::kResponse) w.report.add_head(values);
  Message message = w.message;
  message.end = Message::kOpenEnd;
  message.fields = values.get();
  sink.on(message);
}

void KafkaDecoder::finish(Way& w, std::uint64_t end, bool incomplete, MessageSink& sink) {
  w.walking = false;
  if (w.silent) return;
  const bool answer = w.message.kind == MessageKind::kResponse;
  const Status status = w.report.failed() ? Status::kError : Status::kOk;
  if (answer && w.request.key == kKafkaSaslHandshake) {
    raw_sasl_ = w.request.version == 0 && status == Status::kOk;
  }
  KafkaReport::Values values;
  if (w.announced) {
    w.report.add_body(values);
    MessageEnd message_end;
    message_end.end = end;
    message_end.size_bytes = w.message.size_bytes;
    if (answer) message_end.status = status;
    message_end.incomplete = incomplete;
    message_end.fields = values.get();
    sink.end(w.message.direction, w.message.stream_id, message_end);
    return;
  }
  decide_kind(w);
  if (!answer) w.report.add_head(values);
  w.report.add_body(values);
  if (answer) w.message.status = status;
  w.message.fields = values.get();
  sink.on(w.message);
}

// A frame that is longer than the gap goes on behind it, and what follows it is where it was.
void KafkaDecoder::gap(Direction direction, std::uint64_t length, MessageSink& sink) noexcept {
  Way& w = way(direction);
  const std::uint64_t behind = w.next + length;
  w.next = behind;
  const std::uint64_t before = std::exchange(w.unread, 0);
  const std::uint64_t end = w.walking ? w.message.end : behind - length + before;
  w.framed = (w.walking || before > 0) && behind <= end;
  if (w.framed) w.unread = end - behind;
  if (w.walking && w.announced) finish(w, w.message.end, false, sink);
  w.walking = false;
}

std::size_t KafkaDecoder::resync(Direction direction, Bytes bytes) noexcept {
  Way& w = way(direction);
  if (w.framed) return 0;
  w.doubtful = true;
  return find(direction, bytes, Match::kYes)
      .value_or(find(direction, bytes, Match::kNeedMore).value_or(bytes.size()));
}

// The first place that is that much of a frame's beginning.
std::optional<std::size_t> KafkaDecoder::find(Direction direction, Bytes bytes,
                                              Match wanted) const {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] > kKafkaMostSize >> 24) continue;
    if (doubt(direction, bytes.subspan(at)) == wanted) return at;
  }
  return std::nullopt;
}

// Nothing but the id of a request that waits tells an answer from what else there is.
Match KafkaDecoder::doubt(Direction direction, Bytes bytes) const {
  if (direction == Direction::kToServer) return doubt_kafka_request(bytes);
  if (pending_.empty()) return Match::kNo;
  if (bytes.size() < kAnswerHead) return Match::kNeedMore;
  const auto correlation = static_cast<std::int32_t>(load_be32(bytes.data() + kKafkaPrefix));
  const std::optional<KafkaPending::Request> request = pending_.look(correlation);
  return request ? doubt_kafka_answer(bytes, *request) : Match::kNo;
}

void KafkaDecoder::close(Direction direction, Close, std::uint64_t offset,
                         MessageSink& sink) noexcept {
  Way& w = way(direction);
  if (w.walking && w.announced) finish(w, std::min(offset, w.message.end), true, sink);
  w.walking = false;
}

Match match(Bytes head, Direction direction, Transport transport) {
  return transport == Transport::kTcp ? match_kafka(head, direction) : Match::kNo;
}

std::unique_ptr<Decoder> make(const Limits&, Transport) { return std::make_unique<KafkaDecoder>(); }

constexpr std::uint16_t kPorts[] = {9092, 9093, 9094, 9095, 9096, 9098, 19092, 29092};
constexpr Nanos kTimeout = 300 * kSecond;  // a group may wait that long for its members

}  // namespace

constinit const Protocol kKafka{.name = "kafka",
                                .transports = {.tcp = true, .udp = false},
                                .ports = kPorts,
                                .never_ports = {},
                                .timeout = kTimeout,
                                .fifo = false,
                                .match = match,
                                .make = make,
                                .fields = kafka_fields::kAll};

}  // namespace weir
