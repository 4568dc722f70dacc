// What records of AMQP say.
#pragma once

#include "record/field.h"

namespace weir::amqp_fields {

inline constexpr Field kSystem{"messaging.system", FieldType::kText};
inline constexpr Field kOperation{"messaging.operation.name", FieldType::kText};
inline constexpr Field kOperationType{"messaging.operation.type", FieldType::kText};
inline constexpr Field kDestination{"messaging.destination.name", FieldType::kText};
inline constexpr Field kRoutingKey{"messaging.rabbitmq.destination.routing_key", FieldType::kText};
inline constexpr Field kDeliveryTag{"messaging.rabbitmq.message.delivery_tag", FieldType::kInt};
inline constexpr Field kBodySize{"messaging.message.body.size", FieldType::kInt};
inline constexpr Field kMessageId{"messaging.message.id", FieldType::kText};
inline constexpr Field kCorrelation{"messaging.message.conversation_id", FieldType::kText};
inline constexpr Field kErrorType{"error.type", FieldType::kText};
inline constexpr Field kErrorMessage{"error.message", FieldType::kText};
inline constexpr Field kReply{"weir.amqp.reply", FieldType::kText};
inline constexpr Field kReplyCode{"weir.amqp.reply_code", FieldType::kInt};
inline constexpr Field kChannel{"weir.amqp.channel", FieldType::kInt};
inline constexpr Field kExchange{"weir.amqp.exchange", FieldType::kText};
inline constexpr Field kQueue{"weir.amqp.queue", FieldType::kText};
inline constexpr Field kConsumerTag{"weir.amqp.consumer_tag", FieldType::kText};
inline constexpr Field kVirtualHost{"weir.amqp.virtual_host", FieldType::kText};
inline constexpr Field kMechanism{"weir.amqp.mechanism", FieldType::kText};
inline constexpr Field kReason{"weir.amqp.reason", FieldType::kText};
inline constexpr Field kVersion{"weir.amqp.version", FieldType::kText};
inline constexpr Field kMessages{"weir.amqp.message_count", FieldType::kInt};
inline constexpr Field kConsumers{"weir.amqp.consumer_count", FieldType::kInt};
inline constexpr Field kChannelMax{"weir.amqp.channel_max", FieldType::kInt};
inline constexpr Field kFrameMax{"weir.amqp.frame_max", FieldType::kInt};
inline constexpr Field kHeartbeat{"weir.amqp.heartbeat", FieldType::kInt};
inline constexpr Field kRedelivered{"weir.amqp.redelivered", FieldType::kBool};
inline constexpr Field kMultiple{"weir.amqp.multiple", FieldType::kBool};

inline constexpr const Field* kAll[] = {
    &kSystem,    &kOperation, &kOperationType, &kDestination, &kRoutingKey,   &kDeliveryTag,
    &kBodySize,  &kMessageId, &kCorrelation,   &kErrorType,   &kErrorMessage, &kReply,
    &kReplyCode, &kChannel,   &kExchange,      &kQueue,       &kConsumerTag,  &kVirtualHost,
    &kMechanism, &kReason,    &kVersion,       &kMessages,    &kConsumers,    &kChannelMax,
    &kFrameMax,  &kHeartbeat, &kRedelivered,   &kMultiple};

}  // namespace weir::amqp_fields
