// What records of Kafka say.
#pragma once

#include "record/field.h"

namespace weir::kafka_fields {

inline constexpr Field kSystem{"messaging.system", FieldType::kText};
inline constexpr Field kOperation{"messaging.operation.name", FieldType::kText};
inline constexpr Field kOperationType{"messaging.operation.type", FieldType::kText};
inline constexpr Field kClient{"messaging.client.id", FieldType::kText};
inline constexpr Field kGroup{"messaging.consumer.group.name", FieldType::kText};
inline constexpr Field kTopic{"messaging.destination.name", FieldType::kText};
inline constexpr Field kPartition{"messaging.destination.partition.id", FieldType::kText};
inline constexpr Field kMessages{"messaging.batch.message_count", FieldType::kInt};
inline constexpr Field kOffset{"messaging.kafka.offset", FieldType::kInt};
inline constexpr Field kErrorType{"error.type", FieldType::kText};
inline constexpr Field kErrorMessage{"error.message", FieldType::kText};
inline constexpr Field kTopics{"weir.kafka.topics", FieldType::kTextList};
inline constexpr Field kTopicId{"weir.kafka.topic_id", FieldType::kText};
inline constexpr Field kPartitions{"weir.kafka.partitions", FieldType::kInt};
inline constexpr Field kRecordBytes{"weir.kafka.record_bytes", FieldType::kInt};
inline constexpr Field kCompression{"weir.kafka.compression", FieldType::kText};
inline constexpr Field kAcks{"weir.kafka.acks", FieldType::kInt};
inline constexpr Field kKey{"weir.kafka.api_key", FieldType::kInt};
inline constexpr Field kVersion{"weir.kafka.api_version", FieldType::kInt};
inline constexpr Field kCorrelation{"weir.kafka.correlation_id", FieldType::kInt};
inline constexpr Field kTransaction{"weir.kafka.transactional_id", FieldType::kText};
inline constexpr Field kProducer{"weir.kafka.producer_id", FieldType::kInt};
inline constexpr Field kMember{"weir.kafka.member_id", FieldType::kText};
inline constexpr Field kGeneration{"weir.kafka.generation", FieldType::kInt};
inline constexpr Field kProtocol{"weir.kafka.group_protocol", FieldType::kText};
inline constexpr Field kCoordinator{"weir.kafka.coordinator_key", FieldType::kText};
inline constexpr Field kMechanism{"weir.kafka.sasl_mechanism", FieldType::kText};
inline constexpr Field kSoftware{"weir.kafka.client_software", FieldType::kText};
inline constexpr Field kSoftwareVersion{"weir.kafka.client_version", FieldType::kText};
inline constexpr Field kErrors{"weir.kafka.errors", FieldType::kInt};
inline constexpr Field kThrottle{"weir.kafka.throttle_ms", FieldType::kInt};

inline constexpr const Field* kAll[] = {
    &kSystem,      &kOperation,   &kOperationType, &kClient,    &kGroup,        &kTopic,
    &kPartition,   &kMessages,    &kOffset,        &kErrorType, &kErrorMessage, &kTopics,
    &kTopicId,     &kPartitions,  &kRecordBytes,   &kAcks,      &kKey,          &kVersion,
    &kCorrelation, &kTransaction, &kProducer,      &kMember,    &kGeneration,   &kProtocol,
    &kCoordinator, &kMechanism,   &kSoftware,      &kErrors,    &kThrottle,     &kSoftwareVersion,
    &kCompression};

}  // namespace weir::kafka_fields
