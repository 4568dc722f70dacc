// AMQP 0-9-1: https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, with RabbitMQ's extensions
// (https://www.rabbitmq.com/docs/extensions)
//
//   greeting:  "AMQP" 0 0 9 1, from the client; from a server that speaks another version, that one
//   frame:     type 8 | channel 16 | size 32 | payload | 0xCE
//   method:    type 1, class 16 | id 16 | arguments (amqp_methods.cpp)
//   content:   behind some methods: type 2, class 16 | 0 16 | body size 64 | flags 16 | properties;
//              then as many of type 3 as the body needs. Frames of other channels may stand
//              between.
//   heartbeat: type 8, channel 0, nothing

#include <algorithm>
#include <utility>

#include "protocol/amqp_fields.h"
#include "protocol/amqp_frames.h"
#include "protocol/amqp_methods.h"
#include "protocol/amqp_report.h"
#include "protocol/amqp_session.h"
#include "protocol/decoder.h"
#include "protocol/registry.h"

namespace weir {
namespace {

class AmqpDecoder : public Decoder {
 public:
  explicit AmqpDecoder(const Limits& limits) : most_head_(limits.head_bytes) {}

  Step decode(Direction direction, Bytes bytes, std::uint64_t offset,
              MessageSink& sink) noexcept override;
  void gap(Direction direction, std::uint64_t, MessageSink& sink) noexcept override {
    abandon(direction, Quality::kGap, sink);
    session_.on_lost(direction);
  }
  std::size_t resync(Direction direction, Bytes bytes) noexcept override;
  void close(Direction direction, Close, std::uint64_t offset, MessageSink& sink) noexcept override;

 private:
  using Content = AmqpChannel::Content;
  struct Way {
    bool astray = false;    // what came last was no frame
    bool doubtful = false;  // it is a guess that a frame begins here
  };
  // Bytes being decoded, and how far.
  struct Run {
    Direction direction;
    Bytes bytes;
    std::uint64_t offset;
    MessageSink& sink;
    std::size_t at = 0;
    Step step{};

    Bytes rest() const { return bytes.subspan(at); }
    std::uint64_t position() const { return offset + at; }
  };

  Way& way(Direction direction) { return ways_[static_cast<std::size_t>(direction)]; }
  static Content& content(AmqpChannel& channel, Direction direction) {
    return channel.content[static_cast<std::size_t>(direction)];
  }
  static Message message(const Run& run, MessageKind kind, std::uint64_t length);
  Verdict one(Run& run);
  Verdict greeting(Run& run);
  Verdict method(Run& run, const AmqpFrame& frame);
  Verdict header(Run& run, const AmqpFrame& frame);
  Verdict body(Run& run, const AmqpFrame& frame);
  bool is_there(const Run& run, const AmqpFrame& frame, Verdict& verdict) const;
  Bytes payload(const Run& run, const AmqpFrame& frame) const;
  static void pass(Run& run, const AmqpFrame& frame);
  void begin_content(Run& run, const AmqpFrame& frame, const AmqpMethod& method);
  bool looks_on(const Run& run, std::size_t at, const AmqpFrame& frame, AmqpHeader& header,
                std::size_t& header_end) const;
  static void set_header(Content& content, const AmqpHeader& header);
  static void finish(Direction direction, Content& content, Quality quality, bool incomplete,
                     MessageSink& sink);
  void abandon(Direction direction, Quality quality, MessageSink& sink);
  void abandon_channel(const Run& run, std::uint16_t number, const AmqpMethod& method);

  AmqpSession session_;
  Way ways_[2];
  std::size_t most_head_;
};

Step AmqpDecoder::decode(Direction direction, Bytes bytes, std::uint64_t offset,
                         MessageSink& sink) noexcept {
  Run run{direction, bytes, offset, sink};
  Way& w = way(direction);
  if (std::exchange(w.astray, false)) abandon(direction, Quality::kGap, sink);
  Verdict verdict = Verdict::kProgress;
  while (verdict == Verdict::kProgress && run.at < bytes.size() && run.step.skip == 0) {
    run.step.passed = 0;
    verdict = one(run);
  }
  run.step.consumed = run.at;
  const bool moved = run.at > 0 || run.step.skip > 0;
  if (verdict == Verdict::kNeedMore && moved) verdict = Verdict::kProgress;
  run.step.verdict = verdict;
  return run.step;
}

Message AmqpDecoder::message(const Run& run, MessageKind kind, std::uint64_t length) {
  Message message;
  message.vocabulary = &kAmqpVocabulary;
  message.kind = kind;
  message.direction = run.direction;
  message.begin = run.position();
  message.end = run.position() + length;
  return message;
}

// One frame, or what there is of it.
Verdict AmqpDecoder::one(Run& run) {
  const Bytes rest = run.rest();
  Way& w = way(run.direction);
  if (rest[0] == 'A') return greeting(run);
  if (w.doubtful) {
    const Match match = match_amqp_frame(rest, run.direction);
    // What is undecided gives way to what is sure.
    const bool waits = match == Match::kNeedMore && find_amqp_frame(rest, run.direction) == 0;
    if (match == Match::kNo || match == Match::kNeedMore) {
      return waits ? Verdict::kNeedMore : Verdict::kInvalid;
    }
  }
  if (rest[0] == 0 || (rest[0] > AmqpFrame::kBody && rest[0] != AmqpFrame::kHeartbeat)) {
    return Verdict::kInvalid;
  }
  if (rest.size() < AmqpFrame::kHead) return Verdict::kNeedMore;
  const AmqpFrame frame = read_amqp_frame(rest);
  const std::uint32_t most = session_.frame_max();
  if (most != 0 && frame.size > most) return Verdict::kInvalid;
  Verdict verdict = Verdict::kProgress;
  switch (frame.type) {
    case AmqpFrame::kMethod:
      verdict = method(run, frame);
      break;
    case AmqpFrame::kHeader:
      verdict = header(run, frame);
      break;
    case AmqpFrame::kBody:
      verdict = body(run, frame);
      break;
    default:
      if (frame.size != 0 || !is_there(run, frame, verdict)) {
        return frame.size != 0 ? Verdict::kInvalid : verdict;
      }
      run.sink.on(message(run, MessageKind::kInterim, frame.length()));
      pass(run, frame);
  }
  if (verdict == Verdict::kProgress) w.doubtful = false;
  return verdict;
}

Verdict AmqpDecoder::greeting(Run& run) {
  const Bytes rest = run.rest();
  const Match match = match_amqp_greeting(rest);
  if (match == Match::kNo) return Verdict::kInvalid;
  if (match == Match::kNeedMore) return Verdict::kNeedMore;
  const bool refused = run.direction == Direction::kToClient;
  if (match == Match::kMaybe && !refused) return Verdict::kOpaque;
  const auto digit = [&](std::size_t i) { return static_cast<char>('0' + rest[i] % 10); };
  const char version[] = {digit(5), '-', digit(6), '-', digit(7)};
  const bool short_form = rest[4] == 1;  // as versions before 0-9-1 have it
  const std::string_view shown(version + (short_form ? 2 : 0), short_form ? 3 : 5);
  AmqpReport report;
  report.add(amqp_fields::kSystem, kAmqpVocabulary.system);
  report.add(amqp_fields::kOperation, "protocol-header");
  report.add(amqp_fields::kVersion, shown);
  if (refused) report.add(amqp_fields::kErrorType, "version_refused");
  Message told =
      message(run, refused ? MessageKind::kUnpaired : MessageKind::kOneWay, kAmqpGreeting);
  if (refused) told.status = Status::kError;
  told.fields = report.get();
  run.sink.on(told);
  run.at += kAmqpGreeting;
  way(run.direction).doubtful = false;
  return Verdict::kProgress;
}

// What has to be seen of a frame is; its end too, where that is near.
bool AmqpDecoder::is_there(const Run& run, const AmqpFrame& frame, Verdict& verdict) const {
  const Bytes rest = run.rest();
  const bool is_long = frame.size > most_head_;
  const std::uint64_t needed = is_long ? AmqpFrame::kHead + most_head_ : frame.length();
  if (rest.size() < needed) {
    verdict = Verdict::kNeedMore;
    return false;
  }
  if (!is_long && rest[static_cast<std::size_t>(needed) - 1] != AmqpFrame::kEnd) {
    verdict = Verdict::kInvalid;
    return false;
  }
  return true;
}

Bytes AmqpDecoder::payload(const Run& run, const AmqpFrame& frame) const {
  return run.rest().subspan(AmqpFrame::kHead, std::min<std::size_t>(frame.size, most_head_));
}

// Goes on behind a frame.
void AmqpDecoder::pass(Run& run, const AmqpFrame& frame) {
  const std::uint64_t length = frame.length(), there = run.bytes.size() - run.at;
  const std::uint64_t here = std::min(length, there);
  run.at += static_cast<std::size_t>(here);
  run.step.skip = length - here;
  run.step.passed = frame.type == AmqpFrame::kBody && here > AmqpFrame::kHead
                        ? static_cast<std::size_t>(here) - AmqpFrame::kHead
                        : 0;
}

Verdict AmqpDecoder::method(Run& run, const AmqpFrame& frame) {
  Verdict verdict = Verdict::kProgress;
  if (frame.size < 4) return Verdict::kInvalid;
  if (!is_there(run, frame, verdict)) return verdict;
  const Bytes bytes = payload(run, frame);
  const AmqpMethod* method = find_amqp_method(load_be16(bytes.data()), load_be16(bytes.data() + 2));
  if (method == nullptr) {  // an extension that is not known
    pass(run, frame);
    return verdict;
  }
  if (!method->sent_by(run.direction)) return Verdict::kInvalid;
  abandon_channel(run, frame.channel, *method);
  if (method->role == AmqpRole::kContent) {
    begin_content(run, frame, *method);
    return verdict;
  }
  session_.on_method(
      {run.direction, frame.channel, run.position(), run.position() + frame.length()}, *method,
      read_amqp_arguments(*method, bytes.subspan(4)), run.sink);
  pass(run, frame);
  return verdict;
}

// The header behind a method of which the frame ends at `at`, where all of it is there.
bool AmqpDecoder::looks_on(const Run& run, std::size_t at, const AmqpFrame& frame,
                           AmqpHeader& header, std::size_t& header_end) const {
  if (run.bytes.size() < at + AmqpFrame::kHead) return false;
  const AmqpFrame next = read_amqp_frame(run.bytes.subspan(at));
  if (next.type != AmqpFrame::kHeader || next.channel != frame.channel || next.size > most_head_ ||
      run.bytes.size() - at < next.length()) {
    return false;
  }
  header_end = at + static_cast<std::size_t>(next.length());
  return run.bytes[header_end - 1] == AmqpFrame::kEnd &&
         read_amqp_header(run.bytes.subspan(at + AmqpFrame::kHead, next.size), header);
}

// A method with a content. Where its header is there too both are told at once; and the end, where
// the body is empty or the head of its only frame is there.
void AmqpDecoder::begin_content(Run& run, const AmqpFrame& frame, const AmqpMethod& method) {
  const std::uint64_t begin = run.position();
  const Bytes bytes = payload(run, frame);
  const AmqpArguments arguments = read_amqp_arguments(method, bytes.subspan(4));
  AmqpHeader header;
  std::size_t header_end = 0;
  std::uint64_t end = Message::kOpenEnd;
  const bool at_once =
      frame.size <= most_head_ &&
      looks_on(run, run.at + static_cast<std::size_t>(frame.length()), frame, header, header_end);
  if (at_once && header.body_size == 0) end = run.offset + header_end;
  if (at_once && run.bytes.size() - header_end >= AmqpFrame::kHead && header.body_size > 0) {
    const AmqpFrame next = read_amqp_frame(run.bytes.subspan(header_end));
    const bool only = next.type == AmqpFrame::kBody && next.channel == frame.channel &&
                      next.size == header.body_size;
    if (only) end = run.offset + header_end + next.length();
  }
  const AmqpSession::At at{run.direction, frame.channel, begin, end, at_once ? &header : nullptr};
  const std::uint64_t stream_id = session_.on_method(at, method, arguments, run.sink);
  pass(run, frame);
  if (at_once) run.at = header_end;
  AmqpChannel* channel = session_.channels().get(frame.channel);
  if (channel == nullptr || end != Message::kOpenEnd) return;
  Content& c = content(*channel, run.direction);
  c.stream_id = stream_id;
  c.open = true;
  c.sized = c.told = at_once;
  c.wire_bytes = frame.length();
  c.end = begin + frame.length();
  if (!at_once) return;
  c.wire_bytes = run.position() - begin;
  c.end = run.position();
  c.size = c.left = header.body_size;
}

void AmqpDecoder::set_header(Content& content, const AmqpHeader& header) {
  content.sized = true;
  content.size = content.left = header.body_size;
  content.message_id = header.message_id;
  content.correlation_id = header.correlation_id;
}

Verdict AmqpDecoder::header(Run& run, const AmqpFrame& frame) {
  Verdict verdict = Verdict::kProgress;
  if (!is_there(run, frame, verdict)) return verdict;
  AmqpHeader header;
  if (!read_amqp_header(payload(run, frame), header)) return Verdict::kInvalid;
  AmqpChannel* channel = session_.channels().get(frame.channel);
  Content* c = channel == nullptr ? nullptr : &content(*channel, run.direction);
  if (c != nullptr && c->open && !c->sized) {
    c->wire_bytes += frame.length();
    c->end = run.position() + frame.length();
    set_header(*c, header);
    if (header.body_size == 0) finish(run.direction, *c, Quality::kComplete, false, run.sink);
  }
  pass(run, frame);
  return verdict;
}

Verdict AmqpDecoder::body(Run& run, const AmqpFrame& frame) {
  const Bytes rest = run.rest();
  if (rest.size() >= frame.length() &&
      rest[static_cast<std::size_t>(frame.length()) - 1] != AmqpFrame::kEnd) {
    return Verdict::kInvalid;
  }
  AmqpChannel* channel = session_.channels().get(frame.channel);
  Content* c = channel == nullptr ? nullptr : &content(*channel, run.direction);
  if (c != nullptr && c->open && c->sized) {
    c->wire_bytes += frame.length();
    c->end = run.position() + frame.length();
    c->left -= std::min<std::uint64_t>(c->left, frame.size);
    run.step.stream_id = c->stream_id;
    if (c->left == 0) finish(run.direction, *c, Quality::kComplete, false, run.sink);
  }
  pass(run, frame);
  return Verdict::kProgress;
}

void AmqpDecoder::finish(Direction direction, Content& content, Quality quality, bool incomplete,
                         MessageSink& sink) {
  content.open = false;
  AmqpReport report;
  MessageEnd end;
  end.end = content.end;
  end.wire_bytes = content.wire_bytes;
  end.quality = quality;
  end.incomplete = incomplete;
  if (content.sized) end.size_bytes = content.size;
  if (content.sized && !content.told) {
    report.add_header(content.size, content.message_id, content.correlation_id);
  }
  end.fields = report.get();
  sink.end(direction, content.stream_id, end);
}

// The rest of what passes in this direction will not come.
void AmqpDecoder::abandon(Direction direction, Quality quality, MessageSink& sink) {
  for (const std::unique_ptr<AmqpChannel>& channel : session_.channels().all()) {
    Content& c = content(*channel, direction);
    if (c.open) finish(direction, c, quality, true, sink);
  }
}

// A method ends the content that stood open before it; one that ends a channel, in both directions.
void AmqpDecoder::abandon_channel(const Run& run, std::uint16_t number, const AmqpMethod& method) {
  const bool all = method.is(amqp::kConnection, amqp::kConnectionCloseOk);
  const bool ends = all || method.is(amqp::kChannel, amqp::kChannelCloseOk) ||
                    method.is(amqp::kChannel, amqp::kOpen);
  for (const Direction direction : {Direction::kToServer, Direction::kToClient}) {
    if (all) {
      abandon(direction, Quality::kComplete, run.sink);
    } else if (ends || direction == run.direction) {
      AmqpChannel* channel = session_.channels().get(number);
      if (channel == nullptr) continue;
      Content& c = content(*channel, direction);
      if (c.open) finish(direction, c, Quality::kComplete, true, run.sink);
    }
  }
}

std::size_t AmqpDecoder::resync(Direction direction, Bytes bytes) noexcept {
  Way& w = way(direction);
  w.astray = w.doubtful = true;
  session_.on_lost(direction);
  return find_amqp_frame(bytes, direction);
}

void AmqpDecoder::close(Direction direction, Close, std::uint64_t offset,
                        MessageSink& sink) noexcept {
  for (const std::unique_ptr<AmqpChannel>& channel : session_.channels().all()) {
    Content& c = content(*channel, direction);
    if (!c.open) continue;
    c.end = std::min(c.end, offset);
    finish(direction, c, Quality::kComplete, true, sink);
  }
}

Match match(Bytes head, Direction direction, Transport transport) {
  if (transport != Transport::kTcp || head.empty()) return Match::kNo;
  if (head[0] != 'A') return match_amqp_frame(head, direction);
  const Match match = match_amqp_greeting(head);
  if (match == Match::kMaybe) return Match::kNo;
  return direction == Direction::kToClient && match == Match::kYes ? Match::kMaybe : match;
}

std::unique_ptr<Decoder> make(const Limits& limits, Transport) {
  return std::make_unique<AmqpDecoder>(limits);
}

constexpr std::uint16_t kPorts[] = {5672};
// A consumer may take its time; RabbitMQ itself gives up after as long.
constexpr Nanos kTimeout = 1800 * kSecond;

}  // namespace

constinit const Protocol kAmqp{.name = "amqp",
                               .transports = {.tcp = true, .udp = false},
                               .ports = kPorts,
                               .never_ports = {},
                               .timeout = kTimeout,
                               .fifo = false,
                               .match = match,
                               .make = make,
                               .fields = amqp_fields::kAll};

}  // namespace weir
