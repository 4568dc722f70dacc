// What the messages of Kafka consist of, by API and version:
// https://kafka.apache.org/protocol#protocol_messages
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace weir {

enum class KafkaType : std::uint8_t {
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUuid,
  kText,
  kBytes,
  kRecords,
  kArray,  // of structures
  kList,   // of values of one type
};

// What a value is shown as. kNone: it is passed over.
enum class KafkaRole : std::uint8_t {
  kNone,
  kAcks,
  kCoordinatorKey,
  kError,
  kErrorMessage,
  kGeneration,
  kGroup,
  kKeyType,
  kMechanism,
  kMember,
  kOffset,
  kPartition,
  kProducerId,
  kProtocol,
  kSoftware,
  kSoftwareVersion,
  kThrottle,
  kTopic,
  kTopicId,
  kTransactionalId,
};

// One value of a message. The elements of an array are described by the rows that follow its own.
struct KafkaRow {
  KafkaType type;
  std::uint8_t from, to;  // the versions that have it
  KafkaRole role;
  std::uint8_t inside;  // how many rows its elements have
};

struct KafkaApi {
  static constexpr std::uint8_t kNever = 255;

  std::string_view name;
  std::uint8_t last;      // version published
  std::uint8_t flexible;  // since this version texts are compact and structures have tagged fields
  std::span<const KafkaRow> request, response;  // up to the last that is of interest
};

enum KafkaKey : std::uint16_t {
  kKafkaProduce = 0,
  kKafkaFetch = 1,
  kKafkaMetadata = 3,
  kKafkaControlledShutdown = 7,
  kKafkaOffsetCommit = 8,
  kKafkaSaslHandshake = 17,
  kKafkaApiVersions = 18,
  kKafkaCreateTopics = 19,
  kKafkaInitProducerId = 22,  // up to here rows are complete, or there are none
  kKafkaTxnOffsetCommit = 28,
  kKafkaShareFetch = 78,
  kKafkaShareAcknowledge = 79,
};

inline constexpr std::int16_t kKafkaUnsupportedVersion = 35;

std::span<const KafkaApi> kafka_apis();
// Null where there is none with this key.
const KafkaApi* find_kafka_api(std::uint16_t key);
// Empty where the code has no name.
std::string_view kafka_error_name(std::int64_t code);

}  // namespace weir
