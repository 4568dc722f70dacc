#include "protocol/amqp_session.h"

#include <algorithm>

#include "protocol/amqp_fields.h"

namespace weir {
namespace {

constexpr std::size_t kMostUnsettled = 8192, kMostConsumers = 1024;
constexpr std::uint8_t kNoAckBit = 2, kMultipleBit = 1;
constexpr std::uint16_t kFirstErrorCode = 300;

Direction opposite(Direction direction) {
  return direction == Direction::kToServer ? Direction::kToClient : Direction::kToServer;
}

bool is_close(const AmqpMethod& method) {
  return method.is(amqp::kChannel, amqp::kChannelClose) ||
         method.is(amqp::kConnection, amqp::kConnectionClose);
}

// Sent without being answered.
MessageKind alone(Direction direction) {
  return direction == Direction::kToServer ? MessageKind::kOneWay : MessageKind::kUnpaired;
}

}  // namespace

std::uint64_t AmqpSession::on_method(const At& at, const AmqpMethod& method,
                                     const AmqpArguments& arguments, MessageSink& sink) {
  report_.clear();
  switch (method.role) {
    case AmqpRole::kRequest:
      on_request(at, method, arguments, sink);
      break;
    case AmqpRole::kAnswer:
      return on_answer(at, method, arguments, sink);
    case AmqpRole::kContent:
      if (method.id == amqp::kGetOk) return on_answer(at, method, arguments, sink);
      on_content(at, method, arguments, sink);
      break;
    case AmqpRole::kSettle:
      on_settle(at, method, arguments, sink);
      break;
    case AmqpRole::kOther:
      on_other(at, method, arguments, sink);
      break;
  }
  return at.stream_id();
}

void AmqpSession::tell(const At& at, const Told& told, MessageSink& sink) const {
  Message message;
  message.vocabulary = &kAmqpVocabulary;
  message.kind = told.kind;
  message.direction = at.direction;
  message.stream_id = told.stream_id;
  message.begin = at.begin;
  message.end = at.end;
  message.status = told.status;
  message.quality = told.quality;
  if (at.header != nullptr) message.size_bytes = at.header->body_size;
  message.fields = report_.get();
  sink.on(message);
}

void AmqpSession::on_request(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                             MessageSink& sink) {
  AmqpChannel* channel = channels_.get(at.channel);
  const bool error = is_close(method) && arguments.code >= kFirstErrorCode;
  if (channel != nullptr && method.is(amqp::kChannel, amqp::kOpen)) {
    end_channel(at, *channel, sink);
    channel = channels_.get(at.channel);
    channel->joined = false;
  }
  if (error && at.direction == Direction::kToClient) {
    const bool all = method.group == amqp::kConnection;
    for (const std::unique_ptr<AmqpChannel>& each : channels_.all()) {
      if (all || each->number == at.channel) {
        on_error_close(at, *each, method, arguments, sink);
      }
    }
  }
  report_.clear();
  report_.add_asked(method, arguments, at.channel, {});
  const bool waits = (arguments.bits & method.no_wait) == 0;
  if (channel != nullptr) {
    if (method.is(amqp::kConfirm, amqp::kSelect)) {
      channel->confirms = true;
      channel->uncounted = false;
      channel->last_publish = 0;
    }
    if (method.is(amqp::kBasic, amqp::kConsume)) add_consumer(*channel, arguments);
    if (method.is(amqp::kBasic, amqp::kCancel) && at.direction == Direction::kToClient) {
      remove_consumer(*channel, arguments.consumer_tag);
    }
  }
  if (!waits || channel == nullptr) {
    const Quality quality = channel == nullptr ? Quality::kLateJoin : Quality::kComplete;
    tell(at, {alone(at.direction), at.stream_id(), Status::kOk, quality}, sink);
    return;
  }
  cancel_doubtful(at, *channel, sink);
  if (channel->pending.size() == AmqpChannel::kMostPending) {
    cancel(at, channel->pending.front().stream_id, sink);
    channel->pending.erase(channel->pending.begin());
  }
  channel->pending.push_back({at.stream_id(), &method, at.direction, error, false});
  tell(at, {MessageKind::kRequest, at.stream_id()}, sink);
}

std::uint64_t AmqpSession::on_answer(const At& at, const AmqpMethod& method,
                                     const AmqpArguments& arguments, MessageSink& sink) {
  AmqpChannel* channel = channels_.get(at.channel);
  Told told{MessageKind::kUnpaired, at.stream_id(), Status::kOk, Quality::kLateJoin};
  const auto is_asked = [&](const AmqpChannel::Pending& p) {
    return p.direction != at.direction && p.method->is(method.group, method.asked());
  };
  if (channel != nullptr) {
    auto& pending = channel->pending;
    const auto found = std::find_if(pending.begin(), pending.end(), is_asked);
    if (found != pending.end()) {
      told = {MessageKind::kResponse, found->stream_id,
              found->failed ? Status::kError : Status::kOk};
      pending.erase(found);
    }
  }
  if (told.kind == MessageKind::kUnpaired) {
    const AmqpMethod* asked = find_amqp_method(method.group, method.asked());
    if (asked != nullptr) report_.add_asked(*asked, {}, at.channel, {});
  }
  report_.add_answer(method, arguments);
  if (at.header != nullptr) {
    report_.add_header(at.header->body_size, at.header->message_id, at.header->correlation_id);
  }
  tell(at, told, sink);
  on_answered(at, method, arguments, told.kind == MessageKind::kResponse, sink);
  return told.stream_id;
}

// What an answer changes.
void AmqpSession::on_answered(const At& at, const AmqpMethod& method,
                              const AmqpArguments& arguments, bool expected, MessageSink& sink) {
  AmqpChannel* channel = channels_.get(at.channel);
  if (method.is(amqp::kConnection, amqp::kTuneOk)) frame_max_ = arguments.frame_max;
  if (method.is(amqp::kConnection, amqp::kConnectionCloseOk)) {
    while (!channels_.all().empty()) end_channel(at, *channels_.all().back(), sink);
    return;
  }
  if (channel == nullptr) return;
  if (method.is(amqp::kChannel, amqp::kChannelCloseOk)) {
    const bool closes_too = std::any_of(channel->pending.begin(), channel->pending.end(),
                                        [](const auto& p) { return is_close(*p.method); });
    if (!closes_too) end_channel(at, *channel, sink);
  } else if (method.is(amqp::kConfirm, amqp::kSelectOk) && !expected) {
    channel->confirms = true;
    channel->uncounted = false;
    channel->last_publish = 0;
  } else if (method.is(amqp::kBasic, amqp::kConsumeOk)) {
    // The server names those that the client has not named.
    for (AmqpChannel::Consumer& consumer : channel->consumers) {
      if (consumer.tag == arguments.consumer_tag) return;
    }
    for (AmqpChannel::Consumer& consumer : channel->consumers) {
      if (!consumer.tag.empty()) continue;
      consumer.tag = arguments.consumer_tag;
      return;
    }
  } else if (method.is(amqp::kBasic, amqp::kCancel + 1)) {
    remove_consumer(*channel, arguments.consumer_tag);
  } else if (method.is(amqp::kBasic, amqp::kRecover + 1)) {
    cancel_all(at, channel->deliveries, sink);  // they are delivered again
  }
}

void AmqpSession::on_content(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                             MessageSink& sink) {
  AmqpChannel* channel = channels_.get(at.channel);
  Told told{MessageKind::kUnpaired, at.stream_id()};
  std::string_view queue;
  if (method.id == amqp::kPublish) {
    told = publish(at, channel);
  } else if (method.id == amqp::kDeliver) {
    told = deliver(at, channel, arguments, queue);
  } else {
    told.status = Status::kError;
  }
  report_.add_asked(method, arguments, at.channel, queue);
  if (at.header != nullptr) {
    report_.add_header(at.header->body_size, at.header->message_id, at.header->correlation_id);
  }
  tell(at, told, sink);
}

AmqpSession::Told AmqpSession::publish(const At& at, AmqpChannel* channel) {
  const Told unanswered{MessageKind::kOneWay, at.stream_id()};
  if (channel != nullptr && channel->confirms && channel->acked != 0) {
    // Who waits for all confirmations before it goes on has nothing else that could be confirmed.
    if (channel->uncounted && !channel->rolling) {
      channel->last_publish = channel->acked;
      channel->uncounted = false;
    } else if (!channel->uncounted && channel->publishes.last_is_open()) {
      channel->rolling = true;
    }
    channel->acked = 0;
  }
  if (channel == nullptr || channel->uncounted || (channel->joined && !channel->confirms)) {
    return {MessageKind::kOneWay, at.stream_id(), Status::kOk, Quality::kLateJoin};
  }
  if (!channel->confirms) return unanswered;
  const std::uint64_t tag = ++channel->last_publish;
  if (unsettled_ == kMostUnsettled) return unanswered;
  channel->publishes.push(tag, at.stream_id());
  ++unsettled_;
  return {MessageKind::kRequest, at.stream_id()};
}

AmqpSession::Told AmqpSession::deliver(const At& at, AmqpChannel* channel,
                                       const AmqpArguments& arguments, std::string_view& queue) {
  const AmqpChannel::Consumer* consumer =
      channel == nullptr ? nullptr : channel->consumer(arguments.consumer_tag);
  Told told{MessageKind::kUnpaired, at.stream_id()};
  if (consumer == nullptr) {
    told.quality = Quality::kLateJoin;
    return told;
  }
  queue = consumer->queue;
  const bool follows = arguments.delivery_tag > channel->deliveries.last_tag();
  if (!consumer->settles || !follows || unsettled_ == kMostUnsettled) return told;
  channel->deliveries.push(arguments.delivery_tag, at.stream_id());
  ++unsettled_;
  told.kind = MessageKind::kRequest;
  return told;
}

void AmqpSession::on_settle(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                            MessageSink& sink) {
  AmqpChannel* channel = channels_.get(at.channel);
  const bool accepts = method.id == amqp::kAck;
  const bool multiple = method.id != amqp::kReject && (arguments.bits & kMultipleBit) != 0;
  const bool of_publishes = at.direction == Direction::kToClient;
  std::size_t settled = 0;
  if (channel != nullptr && (arguments.has & AmqpArguments::kTag) != 0) {
    AmqpUnsettled& unsettled = of_publishes ? channel->publishes : channel->deliveries;
    AmqpArguments one = arguments;
    const Status status = accepts ? Status::kOk : Status::kError;
    settled = unsettled.settle(arguments.delivery_tag, multiple,
                               [&](std::uint64_t tag, std::uint64_t stream_id, bool sure) {
                                 if (!sure) return cancel(at, stream_id, sink);
                                 one.delivery_tag = tag;
                                 report_.clear();
                                 report_.add_answer(method, one);
                                 if (!accepts) report_.add(amqp_fields::kErrorType, method.name);
                                 tell(at, {MessageKind::kResponse, stream_id, status}, sink);
                               });
    unsettled_ -= settled;
  }
  if (channel != nullptr && of_publishes) {
    channel->acked = std::max(channel->acked, arguments.delivery_tag);
  }
  if (settled > 0) return;
  report_.clear();
  if (accepts || !of_publishes) {
    tell(at, {MessageKind::kInterim, at.stream_id()}, sink);
    return;
  }
  report_.add_asked(method, arguments, at.channel, {});
  report_.add(amqp_fields::kErrorType, method.name);
  tell(at, {MessageKind::kUnpaired, at.stream_id(), Status::kError, Quality::kLateJoin}, sink);
}

void AmqpSession::on_other(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                           MessageSink& sink) {
  report_.add_asked(method, arguments, at.channel, {});
  tell(at, {alone(at.direction), at.stream_id()}, sink);
  AmqpChannel* channel = channels_.get(at.channel);
  if (channel != nullptr && method.is(amqp::kBasic, amqp::kRecoverAsync)) {
    cancel_all(at, channel->deliveries, sink);
  }
}

// The server ends a channel for an error: whatever it was asked there will not be answered, and
// what caused the error is answered by it.
void AmqpSession::on_error_close(const At& at, AmqpChannel& channel, const AmqpMethod& method,
                                 const AmqpArguments& arguments, MessageSink& sink) {
  report_.clear();
  report_.add_answer(method, arguments);
  const auto fail = [&](std::uint64_t stream_id, bool caused) {
    if (caused) {
      tell(at, {MessageKind::kResponse, stream_id, Status::kError}, sink);
    } else {
      tell(at, {MessageKind::kCancel, stream_id}, sink);
    }
  };
  bool told = false;
  std::erase_if(channel.pending, [&](const AmqpChannel::Pending& p) {
    if (p.direction == at.direction || is_close(*p.method)) return false;
    const bool caused = !told && p.method->is(arguments.cause_group, arguments.cause_id);
    told = told || caused;
    fail(p.stream_id, caused);
    return true;
  });
  // Of several publishes nothing tells which one it was.
  const bool published = arguments.cause_group == amqp::kBasic &&
                         arguments.cause_id == amqp::kPublish && channel.publishes.open() == 1;
  unsettled_ -= channel.publishes.settle(
      0, true, [&](std::uint64_t, std::uint64_t stream_id, bool) { fail(stream_id, published); });
}

void AmqpSession::cancel(const At& at, std::uint64_t stream_id, MessageSink& sink) const {
  Message message;
  message.vocabulary = &kAmqpVocabulary;
  message.kind = MessageKind::kCancel;
  message.direction = at.direction;
  message.stream_id = stream_id;
  message.begin = at.begin;
  message.end = at.end;
  sink.on(message);
}

void AmqpSession::cancel_all(const At& at, AmqpUnsettled& unsettled, MessageSink& sink) {
  unsettled_ -= unsettled.settle(
      0, true, [&](std::uint64_t, std::uint64_t stream_id, bool) { cancel(at, stream_id, sink); });
}

// A client asks one thing after the other on a channel: what it asked before it has given up.
void AmqpSession::cancel_doubtful(const At& at, AmqpChannel& channel, MessageSink& sink) const {
  std::erase_if(channel.pending, [&](const AmqpChannel::Pending& p) {
    if (!p.doubtful || p.direction != at.direction) return false;
    cancel(at, p.stream_id, sink);
    return true;
  });
}

void AmqpSession::end_channel(const At& at, AmqpChannel& channel, MessageSink& sink) {
  for (const AmqpChannel::Pending& p : channel.pending) cancel(at, p.stream_id, sink);
  cancel_all(at, channel.publishes, sink);
  cancel_all(at, channel.deliveries, sink);
  consumers_ -= channel.consumers.size();
  channels_.remove(channel.number);
}

void AmqpSession::add_consumer(AmqpChannel& channel, const AmqpArguments& arguments) {
  if (consumers_ == kMostConsumers) return;
  channel.consumers.push_back({std::string(arguments.consumer_tag), std::string(arguments.queue),
                               (arguments.bits & kNoAckBit) == 0});
  ++consumers_;
}

void AmqpSession::remove_consumer(AmqpChannel& channel, std::string_view tag) {
  consumers_ -= std::erase_if(channel.consumers, [&](const auto& c) { return c.tag == tag; });
}

void AmqpSession::on_lost(Direction direction) {
  for (const std::unique_ptr<AmqpChannel>& channel : channels_.all()) {
    if (direction == Direction::kToServer && channel->confirms) channel->uncounted = true;
    (direction == Direction::kToServer ? channel->deliveries : channel->publishes).lose();
    channel->acked = 0;
    for (AmqpChannel::Pending& p : channel->pending) {
      if (p.direction == opposite(direction)) p.doubtful = true;
    }
  }
}

}  // namespace weir
