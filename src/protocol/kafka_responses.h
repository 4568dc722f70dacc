// The response bodies of Kafka's APIs: the union of all versions, in the order of the wire. Tagged
// fields, which may stand at each structure's end, are not listed.
#pragma once

#include "protocol/kafka_schema.h"

namespace weir::kafka_responses {

using enum KafkaType;
using enum KafkaRole;

constexpr std::uint8_t kOn = 255;  // up to the last version

// clang-format off

inline constexpr KafkaRow kProduce[] = {
    {kArray, 0, kOn, kNone, 12},  // Responses
      {kText, 0, 12, kTopic, 0},
      {kUuid, 13, kOn, kTopicId, 0},
      {kArray, 0, kOn, kNone, 9},  // PartitionResponses
        {kInt32, 0, kOn, kPartition, 0},
        {kInt16, 0, kOn, kError, 0},
        {kInt64, 0, kOn, kOffset, 0},
        {kInt64, 2, kOn, kNone, 0},  // LogAppendTimeMs
        {kInt64, 5, kOn, kNone, 0},  // LogStartOffset
        {kArray, 8, kOn, kNone, 2},  // RecordErrors
          {kInt32, 8, kOn, kNone, 0},  // BatchIndex
          {kText, 8, kOn, kNone, 0},  // BatchIndexErrorMessage
        {kText, 8, kOn, kErrorMessage, 0},
    {kInt32, 1, kOn, kThrottle, 0},
};
inline constexpr KafkaRow kFetch[] = {
    {kInt32, 1, kOn, kThrottle, 0},
    {kInt16, 7, kOn, kError, 0},
    {kInt32, 7, kOn, kNone, 0},  // SessionId
    {kArray, 0, kOn, kNone, 13},  // Responses
      {kText, 0, 12, kTopic, 0},
      {kUuid, 13, kOn, kTopicId, 0},
      {kArray, 0, kOn, kNone, 10},  // Partitions
        {kInt32, 0, kOn, kPartition, 0},
        {kInt16, 0, kOn, kError, 0},
        {kInt64, 0, kOn, kNone, 0},  // HighWatermark
        {kInt64, 4, kOn, kNone, 0},  // LastStableOffset
        {kInt64, 5, kOn, kNone, 0},  // LogStartOffset
        {kArray, 4, kOn, kNone, 2},  // AbortedTransactions
          {kInt64, 4, kOn, kNone, 0},  // ProducerId
          {kInt64, 4, kOn, kNone, 0},  // FirstOffset
        {kInt32, 11, kOn, kNone, 0},  // PreferredReadReplica
        {kRecords, 0, kOn, kNone, 0},
};
inline constexpr KafkaRow kListOffsets[] = {
    {kInt32, 2, kOn, kThrottle, 0},
    {kArray, 0, kOn, kNone, 9},  // Topics
      {kText, 0, kOn, kTopic, 0},
      {kArray, 0, kOn, kNone, 7},  // Partitions
        {kInt32, 0, kOn, kPartition, 0},
        {kInt16, 0, kOn, kError, 0},
        {kList, 0, 0, kNone, 1},  // OldStyleOffsets
          {kInt64, 0, kOn, kNone, 0},
        {kInt64, 1, kOn, kNone, 0},  // Timestamp
        {kInt64, 1, kOn, kOffset, 0},
        {kInt32, 4, kOn, kNone, 0},  // LeaderEpoch
};
inline constexpr KafkaRow kMetadata[] = {
    {kInt32, 3, kOn, kThrottle, 0},
    {kArray, 0, kOn, kNone, 4},  // Brokers
      {kInt32, 0, kOn, kNone, 0},  // NodeId
      {kText, 0, kOn, kNone, 0},  // Host
      {kInt32, 0, kOn, kNone, 0},  // Port
      {kText, 1, kOn, kNone, 0},  // Rack
    {kText, 2, kOn, kNone, 0},  // ClusterId
    {kInt32, 1, kOn, kNone, 0},  // ControllerId
    {kArray, 0, kOn, kNone, 16},  // Topics
      {kInt16, 0, kOn, kError, 0},
      {kText, 0, kOn, kTopic, 0},
      {kUuid, 10, kOn, kTopicId, 0},
      {kInt8, 1, kOn, kNone, 0},  // IsInternal
      {kArray, 0, kOn, kNone, 10},  // Partitions
        {kInt16, 0, kOn, kError, 0},
        {kInt32, 0, kOn, kPartition, 0},
        {kInt32, 0, kOn, kNone, 0},  // LeaderId
        {kInt32, 7, kOn, kNone, 0},  // LeaderEpoch
        {kList, 0, kOn, kNone, 1},  // ReplicaNodes
          {kInt32, 0, kOn, kNone, 0},
        {kList, 0, kOn, kNone, 1},  // IsrNodes
          {kInt32, 0, kOn, kNone, 0},
        {kList, 5, kOn, kNone, 1},  // OfflineReplicas
          {kInt32, 0, kOn, kNone, 0},
      {kInt32, 8, kOn, kNone, 0},  // TopicAuthorizedOperations
    {kInt32, 8, 10, kNone, 0},  // ClusterAuthorizedOperations
    {kInt16, 13, kOn, kError, 0},
};
inline constexpr KafkaRow kOffsetCommit[] = {
    {kInt32, 3, kOn, kThrottle, 0},
    {kArray, 0, kOn, kNone, 5},  // Topics
      {kText, 0, 9, kTopic, 0},
      {kUuid, 10, kOn, kTopicId, 0},
      {kArray, 0, kOn, kNone, 2},  // Partitions
        {kInt32, 0, kOn, kPartition, 0},
        {kInt16, 0, kOn, kError, 0},
};
inline constexpr KafkaRow kOffsetFetch[] = {
    {kInt32, 3, kOn, kThrottle, 0},
    {kArray, 0, 7, kNone, 7},  // Topics
      {kText, 0, 7, kTopic, 0},
      {kArray, 0, 7, kNone, 5},  // Partitions
        {kInt32, 0, 7, kPartition, 0},
        {kInt64, 0, 7, kOffset, 0},
        {kInt32, 5, 7, kNone, 0},  // CommittedLeaderEpoch
        {kText, 0, 7, kNone, 0},  // Metadata
        {kInt16, 0, 7, kError, 0},
    {kInt16, 2, 7, kError, 0},
    {kArray, 8, kOn, kNone, 11},  // Groups
      {kText, 8, kOn, kNone, 0},  // GroupId
      {kArray, 8, kOn, kNone, 8},  // Topics
        {kText, 8, 9, kTopic, 0},
        {kUuid, 10, kOn, kTopicId, 0},
        {kArray, 8, kOn, kNone, 5},  // Partitions
          {kInt32, 8, kOn, kPartition, 0},
          {kInt64, 8, kOn, kOffset, 0},
          {kInt32, 8, kOn, kNone, 0},  // CommittedLeaderEpoch
          {kText, 8, kOn, kNone, 0},  // Metadata
          {kInt16, 8, kOn, kError, 0},
      {kInt16, 8, kOn, kError, 0},
};
inline constexpr KafkaRow kFindCoordinator[] = {
    {kInt32, 1, kOn, kThrottle, 0},
    {kInt16, 0, 3, kError, 0},
    {kText, 1, 3, kErrorMessage, 0},
    {kInt32, 0, 3, kNone, 0},  // NodeId
    {kText, 0, 3, kNone, 0},  // Host
    {kInt32, 0, 3, kNone, 0},  // Port
    {kArray, 4, kOn, kNone, 6},  // Coordinators
      {kText, 4, kOn, kNone, 0},  // Key
      {kInt32, 4, kOn, kNone, 0},  // NodeId
      {kText, 4, kOn, kNone, 0},  // Host
      {kInt32, 4, kOn, kNone, 0},  // Port
      {kInt16, 4, kOn, kError, 0},
      {kText, 4, kOn, kErrorMessage, 0},
};
inline constexpr KafkaRow kJoinGroup[] = {
    {kInt32, 2, kOn, kThrottle, 0},
    {kInt16, 0, kOn, kError, 0},
    {kInt32, 0, kOn, kGeneration, 0},
    {kText, 7, kOn, kNone, 0},  // ProtocolType
    {kText, 0, kOn, kProtocol, 0},
    {kText, 0, kOn, kNone, 0},  // Leader
    {kInt8, 9, kOn, kNone, 0},  // SkipAssignment
    {kText, 0, kOn, kMember, 0},
    {kArray, 0, kOn, kNone, 3},  // Members
      {kText, 0, kOn, kNone, 0},  // MemberId
      {kText, 5, kOn, kNone, 0},  // GroupInstanceId
      {kBytes, 0, kOn, kNone, 0},  // Metadata
};
inline constexpr KafkaRow kHeartbeat[] = {
    {kInt32, 1, kOn, kThrottle, 0},
    {kInt16, 0, kOn, kError, 0},
};
inline constexpr KafkaRow kLeaveGroup[] = {
    {kInt32, 1, kOn, kThrottle, 0},
    {kInt16, 0, kOn, kError, 0},
    {kArray, 3, kOn, kNone, 3},  // Members
      {kText, 3, kOn, kNone, 0},  // MemberId
      {kText, 3, kOn, kNone, 0},  // GroupInstanceId
      {kInt16, 3, kOn, kError, 0},
};
inline constexpr KafkaRow kSyncGroup[] = {
    {kInt32, 1, kOn, kThrottle, 0},
    {kInt16, 0, kOn, kError, 0},
    {kText, 5, kOn, kNone, 0},  // ProtocolType
    {kText, 5, kOn, kProtocol, 0},
    {kBytes, 0, kOn, kNone, 0},  // Assignment
};
inline constexpr KafkaRow kSaslHandshake[] = {
    {kInt16, 0, kOn, kError, 0},
    {kList, 0, kOn, kNone, 1},  // Mechanisms
      {kText, 0, kOn, kNone, 0},
};
inline constexpr KafkaRow kApiVersions[] = {
    {kInt16, 0, kOn, kError, 0},
    {kArray, 0, kOn, kNone, 3},  // ApiKeys
      {kInt16, 0, kOn, kNone, 0},  // ApiKey
      {kInt16, 0, kOn, kNone, 0},  // MinVersion
      {kInt16, 0, kOn, kNone, 0},  // MaxVersion
    {kInt32, 1, kOn, kThrottle, 0},
};
inline constexpr KafkaRow kCreateTopics[] = {
    {kInt32, 2, kOn, kThrottle, 0},
    {kArray, 0, kOn, kNone, 12},  // Topics
      {kText, 0, kOn, kTopic, 0},
      {kUuid, 7, kOn, kTopicId, 0},
      {kInt16, 0, kOn, kError, 0},
      {kText, 1, kOn, kErrorMessage, 0},
      {kInt32, 5, kOn, kNone, 0},  // NumPartitions
      {kInt16, 5, kOn, kNone, 0},  // ReplicationFactor
      {kArray, 5, kOn, kNone, 5},  // Configs
        {kText, 5, kOn, kNone, 0},  // Name
        {kText, 5, kOn, kNone, 0},  // Value
        {kInt8, 5, kOn, kNone, 0},  // ReadOnly
        {kInt8, 5, kOn, kNone, 0},  // ConfigSource
        {kInt8, 5, kOn, kNone, 0},  // IsSensitive
};
inline constexpr KafkaRow kInitProducerId[] = {
    {kInt32, 0, kOn, kThrottle, 0},
    {kInt16, 0, kOn, kError, 0},
    {kInt64, 0, kOn, kProducerId, 0},
    {kInt16, 0, kOn, kNone, 0},  // ProducerEpoch
    {kInt64, 6, kOn, kNone, 0},  // OngoingTxnProducerId
    {kInt16, 6, kOn, kNone, 0},  // OngoingTxnProducerEpoch
};

// Of these no more than the beginning is of interest.
inline constexpr KafkaRow kSaslAuthenticate[] = {
    {kInt16, 0, kOn, kError, 0},
    {kText, 0, kOn, kErrorMessage, 0},
};
inline constexpr KafkaRow kThrottleAndError[] = {
    {kInt32, 0, kOn, kThrottle, 0},
    {kInt16, 0, kOn, kError, 0},
};
inline constexpr KafkaRow kConsumerGroupHeartbeat[] = {
    {kInt32, 0, kOn, kThrottle, 0},
    {kInt16, 0, kOn, kError, 0},
    {kText, 0, kOn, kErrorMessage, 0},
    {kText, 0, kOn, kMember, 0},
    {kInt32, 0, kOn, kGeneration, 0},
};
// clang-format on

}  // namespace weir::kafka_responses
