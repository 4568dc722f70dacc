// The request bodies of Kafka's APIs: the union of all versions, in the order of the wire. Tagged
// fields, which may stand at each structure's end, are not listed.
#pragma once

#include "protocol/kafka_schema.h"

namespace weir::kafka_requests {

using enum KafkaType;
using enum KafkaRole;

constexpr std::uint8_t kOn = 255;  // up to the last version

// clang-format off

inline constexpr KafkaRow kProduce[] = {
    {kText, 3, kOn, kTransactionalId, 0},
    {kInt16, 0, kOn, kAcks, 0},
    {kInt32, 0, kOn, kNone, 0},  // TimeoutMs
    {kArray, 0, kOn, kNone, 5},  // TopicData
      {kText, 0, 12, kTopic, 0},
      {kUuid, 13, kOn, kTopicId, 0},
      {kArray, 0, kOn, kNone, 2},  // PartitionData
        {kInt32, 0, kOn, kPartition, 0},
        {kRecords, 0, kOn, kNone, 0},
};
inline constexpr KafkaRow kFetch[] = {
    {kInt32, 0, 14, kNone, 0},  // ReplicaId
    {kInt32, 0, kOn, kNone, 0},  // MaxWaitMs
    {kInt32, 0, kOn, kNone, 0},  // MinBytes
    {kInt32, 3, kOn, kNone, 0},  // MaxBytes
    {kInt8, 4, kOn, kNone, 0},  // IsolationLevel
    {kInt32, 7, kOn, kNone, 0},  // SessionId
    {kInt32, 7, kOn, kNone, 0},  // SessionEpoch
    {kArray, 0, kOn, kNone, 9},  // Topics
      {kText, 0, 12, kTopic, 0},
      {kUuid, 13, kOn, kTopicId, 0},
      {kArray, 0, kOn, kNone, 6},  // Partitions
        {kInt32, 0, kOn, kPartition, 0},
        {kInt32, 9, kOn, kNone, 0},  // CurrentLeaderEpoch
        {kInt64, 0, kOn, kOffset, 0},
        {kInt32, 12, kOn, kNone, 0},  // LastFetchedEpoch
        {kInt64, 5, kOn, kNone, 0},  // LogStartOffset
        {kInt32, 0, kOn, kNone, 0},  // PartitionMaxBytes
    {kArray, 7, kOn, kNone, 4},  // ForgottenTopicsData
      {kText, 7, 12, kNone, 0},  // Topic
      {kUuid, 13, kOn, kNone, 0},  // TopicId
      {kList, 7, kOn, kNone, 1},  // Partitions
        {kInt32, 0, kOn, kNone, 0},
    {kText, 11, kOn, kNone, 0},  // RackId
};
inline constexpr KafkaRow kListOffsets[] = {
    {kInt32, 0, kOn, kNone, 0},  // ReplicaId
    {kInt8, 2, kOn, kNone, 0},  // IsolationLevel
    {kArray, 0, kOn, kNone, 6},  // Topics
      {kText, 0, kOn, kTopic, 0},
      {kArray, 0, kOn, kNone, 4},  // Partitions
        {kInt32, 0, kOn, kPartition, 0},
        {kInt32, 4, kOn, kNone, 0},  // CurrentLeaderEpoch
        {kInt64, 0, kOn, kNone, 0},  // Timestamp
        {kInt32, 0, 0, kNone, 0},  // MaxNumOffsets
    {kInt32, 10, kOn, kNone, 0},  // TimeoutMs
};
inline constexpr KafkaRow kMetadata[] = {
    {kArray, 0, kOn, kNone, 2},  // Topics
      {kUuid, 10, kOn, kTopicId, 0},
      {kText, 0, kOn, kTopic, 0},
    {kInt8, 4, kOn, kNone, 0},  // AllowAutoTopicCreation
    {kInt8, 8, 10, kNone, 0},  // IncludeClusterAuthorizedOperations
    {kInt8, 8, kOn, kNone, 0},  // IncludeTopicAuthorizedOperations
};
inline constexpr KafkaRow kOffsetCommit[] = {
    {kText, 0, kOn, kGroup, 0},
    {kInt32, 1, kOn, kGeneration, 0},
    {kText, 1, kOn, kMember, 0},
    {kText, 7, kOn, kNone, 0},  // GroupInstanceId
    {kInt64, 2, 4, kNone, 0},  // RetentionTimeMs
    {kArray, 0, kOn, kNone, 8},  // Topics
      {kText, 0, 9, kTopic, 0},
      {kUuid, 10, kOn, kTopicId, 0},
      {kArray, 0, kOn, kNone, 5},  // Partitions
        {kInt32, 0, kOn, kPartition, 0},
        {kInt64, 0, kOn, kOffset, 0},
        {kInt32, 6, kOn, kNone, 0},  // CommittedLeaderEpoch
        {kInt64, 1, 1, kNone, 0},  // CommitTimestamp
        {kText, 0, kOn, kNone, 0},  // CommittedMetadata
};
inline constexpr KafkaRow kOffsetFetch[] = {
    {kText, 0, 7, kGroup, 0},
    {kArray, 0, 7, kNone, 3},  // Topics
      {kText, 0, 7, kTopic, 0},
      {kList, 0, 7, kNone, 1},  // PartitionIndexes
        {kInt32, 0, kOn, kPartition, 0},
    {kArray, 8, kOn, kNone, 8},  // Groups
      {kText, 8, kOn, kGroup, 0},
      {kText, 9, kOn, kMember, 0},
      {kInt32, 9, kOn, kNone, 0},  // MemberEpoch
      {kArray, 8, kOn, kNone, 4},  // Topics
        {kText, 8, 9, kTopic, 0},
        {kUuid, 10, kOn, kTopicId, 0},
        {kList, 8, kOn, kNone, 1},  // PartitionIndexes
          {kInt32, 0, kOn, kPartition, 0},
    {kInt8, 7, kOn, kNone, 0},  // RequireStable
};
inline constexpr KafkaRow kFindCoordinator[] = {
    {kText, 0, 3, kCoordinatorKey, 0},
    {kInt8, 1, kOn, kKeyType, 0},
    {kList, 4, kOn, kNone, 1},  // CoordinatorKeys
      {kText, 0, kOn, kCoordinatorKey, 0},
};
inline constexpr KafkaRow kJoinGroup[] = {
    {kText, 0, kOn, kGroup, 0},
    {kInt32, 0, kOn, kNone, 0},  // SessionTimeoutMs
    {kInt32, 1, kOn, kNone, 0},  // RebalanceTimeoutMs
    {kText, 0, kOn, kMember, 0},
    {kText, 5, kOn, kNone, 0},  // GroupInstanceId
    {kText, 0, kOn, kNone, 0},  // ProtocolType
    {kArray, 0, kOn, kNone, 2},  // Protocols
      {kText, 0, kOn, kNone, 0},  // Name
      {kBytes, 0, kOn, kNone, 0},  // Metadata
    {kText, 8, kOn, kNone, 0},  // Reason
};
inline constexpr KafkaRow kHeartbeat[] = {
    {kText, 0, kOn, kGroup, 0},
    {kInt32, 0, kOn, kGeneration, 0},
    {kText, 0, kOn, kMember, 0},
    {kText, 3, kOn, kNone, 0},  // GroupInstanceId
};
inline constexpr KafkaRow kLeaveGroup[] = {
    {kText, 0, kOn, kGroup, 0},
    {kText, 0, 2, kMember, 0},
    {kArray, 3, kOn, kNone, 3},  // Members
      {kText, 3, kOn, kMember, 0},
      {kText, 3, kOn, kNone, 0},  // GroupInstanceId
      {kText, 5, kOn, kNone, 0},  // Reason
};
inline constexpr KafkaRow kSyncGroup[] = {
    {kText, 0, kOn, kGroup, 0},
    {kInt32, 0, kOn, kGeneration, 0},
    {kText, 0, kOn, kMember, 0},
    {kText, 3, kOn, kNone, 0},  // GroupInstanceId
    {kText, 5, kOn, kNone, 0},  // ProtocolType
    {kText, 5, kOn, kProtocol, 0},
    {kArray, 0, kOn, kNone, 2},  // Assignments
      {kText, 0, kOn, kNone, 0},  // MemberId
      {kBytes, 0, kOn, kNone, 0},  // Assignment
};
inline constexpr KafkaRow kSaslHandshake[] = {
    {kText, 0, kOn, kMechanism, 0},
};
inline constexpr KafkaRow kApiVersions[] = {
    {kText, 3, kOn, kSoftware, 0},
    {kText, 3, kOn, kSoftwareVersion, 0},
};
inline constexpr KafkaRow kCreateTopics[] = {
    {kArray, 0, kOn, kNone, 10},  // Topics
      {kText, 0, kOn, kTopic, 0},
      {kInt32, 0, kOn, kNone, 0},  // NumPartitions
      {kInt16, 0, kOn, kNone, 0},  // ReplicationFactor
      {kArray, 0, kOn, kNone, 3},  // Assignments
        {kInt32, 0, kOn, kNone, 0},  // PartitionIndex
        {kList, 0, kOn, kNone, 1},  // BrokerIds
          {kInt32, 0, kOn, kNone, 0},
      {kArray, 0, kOn, kNone, 2},  // Configs
        {kText, 0, kOn, kNone, 0},  // Name
        {kText, 0, kOn, kNone, 0},  // Value
    {kInt32, 0, kOn, kNone, 0},  // timeoutMs
    {kInt8, 1, kOn, kNone, 0},  // validateOnly
};
inline constexpr KafkaRow kInitProducerId[] = {
    {kText, 0, kOn, kTransactionalId, 0},
    {kInt32, 0, kOn, kNone, 0},  // TransactionTimeoutMs
    {kInt64, 3, kOn, kNone, 0},  // ProducerId
    {kInt16, 3, kOn, kNone, 0},  // ProducerEpoch
    {kInt8, 6, kOn, kNone, 0},  // Enable2Pc
    {kInt8, 6, kOn, kNone, 0},  // KeepPreparedTxn
};

// Of these no more than the beginning is of interest.
inline constexpr KafkaRow kAddOffsetsToTxn[] = {
    {kText, 0, kOn, kTransactionalId, 0},
    {kInt64, 0, kOn, kProducerId, 0},
    {kInt16, 0, kOn, kNone, 0},  // ProducerEpoch
    {kText, 0, kOn, kGroup, 0},
};
inline constexpr KafkaRow kEndTxn[] = {
    {kText, 0, kOn, kTransactionalId, 0},
    {kInt64, 0, kOn, kProducerId, 0},
};
inline constexpr KafkaRow kTxnOffsetCommit[] = {
    {kText, 0, kOn, kTransactionalId, 0},
    {kText, 0, kOn, kGroup, 0},
    {kInt64, 0, kOn, kProducerId, 0},
};
inline constexpr KafkaRow kConsumerGroupHeartbeat[] = {
    {kText, 0, kOn, kGroup, 0},
    {kText, 0, kOn, kMember, 0},
    {kInt32, 0, kOn, kGeneration, 0},
};
// clang-format on

}  // namespace weir::kafka_requests
