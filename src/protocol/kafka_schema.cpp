#include "protocol/kafka_schema.h"

#include "protocol/kafka_requests.h"
#include "protocol/kafka_responses.h"

namespace weir {
namespace {

constexpr std::uint8_t kNever = KafkaApi::kNever;

// By key.
constexpr KafkaApi kApis[] = {
    {"Produce", 13, 9, kafka_requests::kProduce, kafka_responses::kProduce},                 // 0
    {"Fetch", 18, 12, kafka_requests::kFetch, kafka_responses::kFetch},                      // 1
    {"ListOffsets", 10, 6, kafka_requests::kListOffsets, kafka_responses::kListOffsets},     // 2
    {"Metadata", 13, 9, kafka_requests::kMetadata, kafka_responses::kMetadata},              // 3
    {"LeaderAndIsr", 7, 4, {}, {}},                                                          // 4
    {"StopReplica", 4, 2, {}, {}},                                                           // 5
    {"UpdateMetadata", 8, 6, {}, {}},                                                        // 6
    {"ControlledShutdown", 3, 3, {}, {}},                                                    // 7
    {"OffsetCommit", 10, 8, kafka_requests::kOffsetCommit, kafka_responses::kOffsetCommit},  // 8
    {"OffsetFetch", 10, 6, kafka_requests::kOffsetFetch, kafka_responses::kOffsetFetch},     // 9
    {"FindCoordinator", 6, 3, kafka_requests::kFindCoordinator,
     kafka_responses::kFindCoordinator},                                              // 10
    {"JoinGroup", 9, 6, kafka_requests::kJoinGroup, kafka_responses::kJoinGroup},     // 11
    {"Heartbeat", 4, 4, kafka_requests::kHeartbeat, kafka_responses::kHeartbeat},     // 12
    {"LeaveGroup", 5, 4, kafka_requests::kLeaveGroup, kafka_responses::kLeaveGroup},  // 13
    {"SyncGroup", 5, 4, kafka_requests::kSyncGroup, kafka_responses::kSyncGroup},     // 14
    {"DescribeGroups", 6, 5, {}, {}},                                                 // 15
    {"ListGroups", 5, 3, {}, {}},                                                     // 16
    {"SaslHandshake", 1, kNever, kafka_requests::kSaslHandshake,
     kafka_responses::kSaslHandshake},                                                      // 17
    {"ApiVersions", 4, 3, kafka_requests::kApiVersions, kafka_responses::kApiVersions},     // 18
    {"CreateTopics", 7, 5, kafka_requests::kCreateTopics, kafka_responses::kCreateTopics},  // 19
    {"DeleteTopics", 6, 4, {}, {}},                                                         // 20
    {"DeleteRecords", 2, 2, {}, {}},                                                        // 21
    {"InitProducerId", 6, 2, kafka_requests::kInitProducerId,
     kafka_responses::kInitProducerId},      // 22
    {"OffsetForLeaderEpoch", 4, 4, {}, {}},  // 23
    {"AddPartitionsToTxn", 5, 3, {}, {}},    // 24
    {"AddOffsetsToTxn", 4, 3, kafka_requests::kAddOffsetsToTxn,
     kafka_responses::kThrottleAndError},                                           // 25
    {"EndTxn", 5, 3, kafka_requests::kEndTxn, kafka_responses::kThrottleAndError},  // 26
    {"WriteTxnMarkers", 1, 1, {}, {}},                                              // 27
    {"TxnOffsetCommit", 5, 3, kafka_requests::kTxnOffsetCommit, {}},                // 28
    {"DescribeAcls", 3, 2, {}, {}},                                                 // 29
    {"CreateAcls", 3, 2, {}, {}},                                                   // 30
    {"DeleteAcls", 3, 2, {}, {}},                                                   // 31
    {"DescribeConfigs", 4, 4, {}, {}},                                              // 32
    {"AlterConfigs", 2, 2, {}, {}},                                                 // 33
    {"AlterReplicaLogDirs", 2, 2, {}, {}},                                          // 34
    {"DescribeLogDirs", 4, 2, {}, {}},                                              // 35
    {"SaslAuthenticate", 2, 2, {}, kafka_responses::kSaslAuthenticate},             // 36
    {"CreatePartitions", 3, 2, {}, {}},                                             // 37
    {"CreateDelegationToken", 3, 2, {}, {}},                                        // 38
    {"RenewDelegationToken", 2, 2, {}, {}},                                         // 39
    {"ExpireDelegationToken", 2, 2, {}, {}},                                        // 40
    {"DescribeDelegationToken", 3, 2, {}, {}},                                      // 41
    {"DeleteGroups", 2, 2, {}, {}},                                                 // 42
    {"ElectLeaders", 2, 2, {}, {}},                                                 // 43
    {"IncrementalAlterConfigs", 1, 1, {}, {}},                                      // 44
    {"AlterPartitionReassignments", 1, 0, {}, {}},                                  // 45
    {"ListPartitionReassignments", 0, 0, {}, {}},                                   // 46
    {"OffsetDelete", 0, kNever, {}, {}},                                            // 47
    {"DescribeClientQuotas", 1, 1, {}, {}},                                         // 48
    {"AlterClientQuotas", 1, 1, {}, {}},                                            // 49
    {"DescribeUserScramCredentials", 0, 0, {}, {}},                                 // 50
    {"AlterUserScramCredentials", 0, 0, {}, {}},                                    // 51
    {"Vote", 2, 0, {}, {}},                                                         // 52
    {"BeginQuorumEpoch", 1, 1, {}, {}},                                             // 53
    {"EndQuorumEpoch", 1, 1, {}, {}},                                               // 54
    {"DescribeQuorum", 2, 0, {}, {}},                                               // 55
    {"AlterPartition", 3, 0, {}, {}},                                               // 56
    {"UpdateFeatures", 2, 0, {}, {}},                                               // 57
    {"Envelope", 0, 0, {}, {}},                                                     // 58
    {"FetchSnapshot", 1, 0, {}, {}},                                                // 59
    {"DescribeCluster", 2, 0, {}, {}},                                              // 60
    {"DescribeProducers", 0, 0, {}, {}},                                            // 61
    {"BrokerRegistration", 4, 0, {}, {}},                                           // 62
    {"BrokerHeartbeat", 1, 0, {}, {}},                                              // 63
    {"UnregisterBroker", 0, 0, {}, {}},                                             // 64
    {"DescribeTransactions", 0, 0, {}, {}},                                         // 65
    {"ListTransactions", 2, 0, {}, {}},                                             // 66
    {"AllocateProducerIds", 0, 0, {}, {}},                                          // 67
    {"ConsumerGroupHeartbeat", 1, 0, kafka_requests::kConsumerGroupHeartbeat,
     kafka_responses::kConsumerGroupHeartbeat},    // 68
    {"ConsumerGroupDescribe", 1, 0, {}, {}},       // 69
    {"ControllerRegistration", 0, 0, {}, {}},      // 70
    {"GetTelemetrySubscriptions", 0, 0, {}, {}},   // 71
    {"PushTelemetry", 0, 0, {}, {}},               // 72
    {"AssignReplicasToDirs", 0, 0, {}, {}},        // 73
    {"ListConfigResources", 1, 0, {}, {}},         // 74
    {"DescribeTopicPartitions", 0, 0, {}, {}},     // 75
    {"ShareGroupHeartbeat", 1, 0, {}, {}},         // 76
    {"ShareGroupDescribe", 1, 0, {}, {}},          // 77
    {"ShareFetch", 1, 0, {}, {}},                  // 78
    {"ShareAcknowledge", 1, 0, {}, {}},            // 79
    {"AddRaftVoter", 0, 0, {}, {}},                // 80
    {"RemoveRaftVoter", 0, 0, {}, {}},             // 81
    {"UpdateRaftVoter", 0, 0, {}, {}},             // 82
    {"InitializeShareGroupState", 0, 0, {}, {}},   // 83
    {"ReadShareGroupState", 0, 0, {}, {}},         // 84
    {"WriteShareGroupState", 0, 0, {}, {}},        // 85
    {"DeleteShareGroupState", 0, 0, {}, {}},       // 86
    {"ReadShareGroupStateSummary", 0, 0, {}, {}},  // 87
    {"StreamsGroupHeartbeat", 0, 0, {}, {}},       // 88
    {"StreamsGroupDescribe", 0, 0, {}, {}},        // 89
    {"DescribeShareGroupOffsets", 0, 0, {}, {}},   // 90
    {"AlterShareGroupOffsets", 0, 0, {}, {}},      // 91
    {"DeleteShareGroupOffsets", 0, 0, {}, {}},     // 92
};

// By code, which begin at -1.
constexpr std::string_view kErrors[] = {
    "UNKNOWN_SERVER_ERROR",                   // -1
    "NONE",                                   // 0
    "OFFSET_OUT_OF_RANGE",                    // 1
    "CORRUPT_MESSAGE",                        // 2
    "UNKNOWN_TOPIC_OR_PARTITION",             // 3
    "INVALID_FETCH_SIZE",                     // 4
    "LEADER_NOT_AVAILABLE",                   // 5
    "NOT_LEADER_OR_FOLLOWER",                 // 6
    "REQUEST_TIMED_OUT",                      // 7
    "BROKER_NOT_AVAILABLE",                   // 8
    "REPLICA_NOT_AVAILABLE",                  // 9
    "MESSAGE_TOO_LARGE",                      // 10
    "STALE_CONTROLLER_EPOCH",                 // 11
    "OFFSET_METADATA_TOO_LARGE",              // 12
    "NETWORK_EXCEPTION",                      // 13
    "COORDINATOR_LOAD_IN_PROGRESS",           // 14
    "COORDINATOR_NOT_AVAILABLE",              // 15
    "NOT_COORDINATOR",                        // 16
    "INVALID_TOPIC_EXCEPTION",                // 17
    "RECORD_LIST_TOO_LARGE",                  // 18
    "NOT_ENOUGH_REPLICAS",                    // 19
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND",       // 20
    "INVALID_REQUIRED_ACKS",                  // 21
    "ILLEGAL_GENERATION",                     // 22
    "INCONSISTENT_GROUP_PROTOCOL",            // 23
    "INVALID_GROUP_ID",                       // 24
    "UNKNOWN_MEMBER_ID",                      // 25
    "INVALID_SESSION_TIMEOUT",                // 26
    "REBALANCE_IN_PROGRESS",                  // 27
    "INVALID_COMMIT_OFFSET_SIZE",             // 28
    "TOPIC_AUTHORIZATION_FAILED",             // 29
    "GROUP_AUTHORIZATION_FAILED",             // 30
    "CLUSTER_AUTHORIZATION_FAILED",           // 31
    "INVALID_TIMESTAMP",                      // 32
    "UNSUPPORTED_SASL_MECHANISM",             // 33
    "ILLEGAL_SASL_STATE",                     // 34
    "UNSUPPORTED_VERSION",                    // 35
    "TOPIC_ALREADY_EXISTS",                   // 36
    "INVALID_PARTITIONS",                     // 37
    "INVALID_REPLICATION_FACTOR",             // 38
    "INVALID_REPLICA_ASSIGNMENT",             // 39
    "INVALID_CONFIG",                         // 40
    "NOT_CONTROLLER",                         // 41
    "INVALID_REQUEST",                        // 42
    "UNSUPPORTED_FOR_MESSAGE_FORMAT",         // 43
    "POLICY_VIOLATION",                       // 44
    "OUT_OF_ORDER_SEQUENCE_NUMBER",           // 45
    "DUPLICATE_SEQUENCE_NUMBER",              // 46
    "INVALID_PRODUCER_EPOCH",                 // 47
    "INVALID_TXN_STATE",                      // 48
    "INVALID_PRODUCER_ID_MAPPING",            // 49
    "INVALID_TRANSACTION_TIMEOUT",            // 50
    "CONCURRENT_TRANSACTIONS",                // 51
    "TRANSACTION_COORDINATOR_FENCED",         // 52
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",  // 53
    "SECURITY_DISABLED",                      // 54
    "OPERATION_NOT_ATTEMPTED",                // 55
    "KAFKA_STORAGE_ERROR",                    // 56
    "LOG_DIR_NOT_FOUND",                      // 57
    "SASL_AUTHENTICATION_FAILED",             // 58
    "UNKNOWN_PRODUCER_ID",                    // 59
    "REASSIGNMENT_IN_PROGRESS",               // 60
    "DELEGATION_TOKEN_AUTH_DISABLED",         // 61
    "DELEGATION_TOKEN_NOT_FOUND",             // 62
    "DELEGATION_TOKEN_OWNER_MISMATCH",        // 63
    "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",   // 64
    "DELEGATION_TOKEN_AUTHORIZATION_FAILED",  // 65
    "DELEGATION_TOKEN_EXPIRED",               // 66
    "INVALID_PRINCIPAL_TYPE",                 // 67
    "NON_EMPTY_GROUP",                        // 68
    "GROUP_ID_NOT_FOUND",                     // 69
    "FETCH_SESSION_ID_NOT_FOUND",             // 70
    "INVALID_FETCH_SESSION_EPOCH",            // 71
    "LISTENER_NOT_FOUND",                     // 72
    "TOPIC_DELETION_DISABLED",                // 73
    "FENCED_LEADER_EPOCH",                    // 74
    "UNKNOWN_LEADER_EPOCH",                   // 75
    "UNSUPPORTED_COMPRESSION_TYPE",           // 76
    "STALE_BROKER_EPOCH",                     // 77
    "OFFSET_NOT_AVAILABLE",                   // 78
    "MEMBER_ID_REQUIRED",                     // 79
    "PREFERRED_LEADER_NOT_AVAILABLE",         // 80
    "GROUP_MAX_SIZE_REACHED",                 // 81
    "FENCED_INSTANCE_ID",                     // 82
    "ELIGIBLE_LEADERS_NOT_AVAILABLE",         // 83
    "ELECTION_NOT_NEEDED",                    // 84
    "NO_REASSIGNMENT_IN_PROGRESS",            // 85
    "GROUP_SUBSCRIBED_TO_TOPIC",              // 86
    "INVALID_RECORD",                         // 87
    "UNSTABLE_OFFSET_COMMIT",                 // 88
    "THROTTLING_QUOTA_EXCEEDED",              // 89
    "PRODUCER_FENCED",                        // 90
    "RESOURCE_NOT_FOUND",                     // 91
    "DUPLICATE_RESOURCE",                     // 92
    "UNACCEPTABLE_CREDENTIAL",                // 93
    "INCONSISTENT_VOTER_SET",                 // 94
    "INVALID_UPDATE_VERSION",                 // 95
    "FEATURE_UPDATE_FAILED",                  // 96
    "PRINCIPAL_DESERIALIZATION_FAILURE",      // 97
    "SNAPSHOT_NOT_FOUND",                     // 98
    "POSITION_OUT_OF_RANGE",                  // 99
    "UNKNOWN_TOPIC_ID",                       // 100
    "DUPLICATE_BROKER_REGISTRATION",          // 101
    "BROKER_ID_NOT_REGISTERED",               // 102
    "INCONSISTENT_TOPIC_ID",                  // 103
    "INCONSISTENT_CLUSTER_ID",                // 104
    "TRANSACTIONAL_ID_NOT_FOUND",             // 105
    "FETCH_SESSION_TOPIC_ID_ERROR",           // 106
    "INELIGIBLE_REPLICA",                     // 107
    "NEW_LEADER_ELECTED",                     // 108
    "OFFSET_MOVED_TO_TIERED_STORAGE",         // 109
    "FENCED_MEMBER_EPOCH",                    // 110
    "UNRELEASED_INSTANCE_ID",                 // 111
    "UNSUPPORTED_ASSIGNOR",                   // 112
    "STALE_MEMBER_EPOCH",                     // 113
    "MISMATCHED_ENDPOINT_TYPE",               // 114
    "UNSUPPORTED_ENDPOINT_TYPE",              // 115
    "UNKNOWN_CONTROLLER_ID",                  // 116
    "UNKNOWN_SUBSCRIPTION_ID",                // 117
    "TELEMETRY_TOO_LARGE",                    // 118
    "INVALID_REGISTRATION",                   // 119
    "TRANSACTION_ABORTABLE",                  // 120
    "INVALID_RECORD_STATE",                   // 121
    "SHARE_SESSION_NOT_FOUND",                // 122
    "INVALID_SHARE_SESSION_EPOCH",            // 123
    "FENCED_STATE_EPOCH",                     // 124
    "INVALID_VOTER_KEY",                      // 125
    "DUPLICATE_VOTER",                        // 126
    "VOTER_NOT_FOUND",                        // 127
    "INVALID_REGULAR_EXPRESSION",             // 128
    "REBOOTSTRAP_REQUIRED",                   // 129
    "STREAMS_INVALID_TOPOLOGY",               // 130
    "STREAMS_INVALID_TOPOLOGY_EPOCH",         // 131
    "STREAMS_TOPOLOGY_FENCED",                // 132
    "SHARE_SESSION_LIMIT_REACHED",            // 133
};

}  // namespace

std::span<const KafkaApi> kafka_apis() { return kApis; }

const KafkaApi* find_kafka_api(std::uint16_t key) {
  return key < std::size(kApis) ? &kApis[key] : nullptr;
}

std::string_view kafka_error_name(std::int64_t code) {
  const std::int64_t index = code + 1;
  const bool known = index >= 0 && index < static_cast<std::int64_t>(std::size(kErrors));
  return known ? kErrors[index] : std::string_view{};
}

}  // namespace weir
