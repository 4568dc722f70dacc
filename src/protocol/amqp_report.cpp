#include "protocol/amqp_report.h"

#include <algorithm>

#include "protocol/amqp_fields.h"

namespace weir {

using namespace amqp_fields;

namespace {

constexpr const Field* kAsked[] = {&kOperation, &kDestination, &kVirtualHost, &kReason};
constexpr const Field* kAnswered[] = {&kErrorMessage, &kErrorType, &kReply};
constexpr const Field* kLabels[] = {&kOperation, &kDestination};

constexpr std::uint8_t kMultipleBit = 1, kRedeliveredBit = 1;

}  // namespace

constinit const Vocabulary kAmqpVocabulary{
    "amqp", MetricFamily::kMessaging, "rabbitmq", kAsked, kAnswered, kLabels};

void AmqpReport::add_asked(const AmqpMethod& method, const AmqpArguments& arguments,
                           std::uint16_t channel, std::string_view queue) {
  add(kSystem, kAmqpVocabulary.system);
  add(kOperation, method.name);
  add(kOperationType, method.type);
  add_destination(arguments, queue);
  add(kChannel, std::uint64_t{channel});
  add_arguments(method, arguments);
  add(kQueue, arguments.queue.empty() ? queue : arguments.queue);
}

void AmqpReport::add_answer(const AmqpMethod& method, const AmqpArguments& arguments) {
  add(kReply, method.name);
  add_arguments(method, arguments);
  add(kQueue, arguments.queue);
}

void AmqpReport::add_arguments(const AmqpMethod& method, const AmqpArguments& a) {
  add(kExchange, a.exchange);
  add(kRoutingKey, a.routing_key);
  add(kConsumerTag, a.consumer_tag);
  add(kVirtualHost, a.virtual_host);
  add(kMechanism, a.mechanism);
  if (a.has & AmqpArguments::kTag) add(kDeliveryTag, a.delivery_tag);
  if (a.has & AmqpArguments::kMessages) add(kMessages, std::uint64_t{a.messages});
  if (a.has & AmqpArguments::kConsumers) add(kConsumers, std::uint64_t{a.consumers});
  if (a.has & AmqpArguments::kLimits) {
    add(kChannelMax, std::uint64_t{a.channel_max});
    add(kFrameMax, std::uint64_t{a.frame_max});
    add(kHeartbeat, std::uint64_t{a.heartbeat});
  }
  if (a.has & AmqpArguments::kCode) {
    add_error(a);
  } else {
    add(kReason, a.text);
  }
  const bool delivers =
      method.is(amqp::kBasic, amqp::kDeliver) || method.is(amqp::kBasic, amqp::kGetOk);
  if (delivers && (a.bits & kRedeliveredBit)) add(kRedelivered, 1);
  const bool settles = method.role == AmqpRole::kSettle && method.id != amqp::kReject;
  if (settles && (a.bits & kMultipleBit)) add(kMultiple, 1);
}

void AmqpReport::add_header(std::uint64_t body_size, std::string_view message_id,
                            std::string_view correlation_id) {
  add(kBodySize, body_size);
  add(kMessageId, message_id);
  add(kCorrelation, correlation_id);
}

void AmqpReport::add_error(const AmqpArguments& arguments) {
  const std::string_view name = amqp_error_name(arguments.code);
  add(kReplyCode, std::uint64_t{arguments.code});
  if (name.empty()) return;
  add(kErrorType, name);
  add(kErrorMessage, arguments.text);
}

// Exchange, routing key and queue, as far as they are there and differ.
void AmqpReport::add_destination(const AmqpArguments& arguments, std::string_view queue) {
  const std::string_view last = arguments.queue.empty() ? queue : arguments.queue;
  const std::string_view parts[] = {arguments.exchange, arguments.routing_key,
                                    last == arguments.routing_key ? std::string_view() : last};
  std::size_t size = 0;
  for (const std::string_view part : parts) {
    if (part.empty()) continue;
    if (size > 0) destination_[size++] = ':';
    std::copy(part.begin(), part.end(), destination_.begin() + static_cast<std::ptrdiff_t>(size));
    size += part.size();
  }
  add(kDestination, {destination_.data(), size});
}

}  // namespace weir
