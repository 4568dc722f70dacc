#include "protocol/kafka_report.h"

#include <algorithm>

#include "protocol/kafka_fields.h"

namespace weir {

using namespace kafka_fields;

namespace {

constexpr const Field* kAsked[] = {&kOperation, &kTopic, &kTopics, &kTopicId, &kGroup};
constexpr const Field* kAnswered[] = {&kErrorMessage, &kErrorType, &kMessages};
constexpr const Field* kLabels[] = {&kOperation, &kTopic, &kGroup};

constexpr std::string_view kCompressions[] = {"none", "gzip", "snappy", "lz4", "zstd"};

// The words of the semantic convention for what is done to messages.
std::string_view operation_type(std::uint16_t key) {
  switch (key) {
    case kKafkaProduce:
      return "send";
    case kKafkaFetch:
    case kKafkaShareFetch:
      return "receive";
    case kKafkaOffsetCommit:
    case kKafkaTxnOffsetCommit:
    case kKafkaShareAcknowledge:
      return "settle";
    default:
      return {};
  }
}

}  // namespace

constinit const Vocabulary kKafkaVocabulary{
    "kafka", MetricFamily::kMessaging, "kafka", kAsked, kAnswered, kLabels};

void KafkaReport::begin(Direction direction, const KafkaApi* api, std::uint16_t key,
                        std::int16_t version, std::int32_t correlation) {
  direction_ = direction;
  api_ = api;
  key_ = key;
  version_ = version;
  correlation_ = correlation;
  text_.cut(0);
  client_ = group_ = member_ = transactional_ = coordinator_ = mechanism_ = software_ =
      software_version_ = protocol_ = error_message_ = {};
  topic_count_ = taught_size_ = 0;
  more_topics_ = has_records_ = uncounted_ = false;
  partitions_ = errors_ = record_bytes_ = messages_ = 0;
  compression_ = 0;
  acks_ = key_type_ = offset_ = generation_ = producer_ = throttle_ = std::nullopt;
}

std::string_view KafkaReport::keep(std::string_view text) {
  const std::size_t mark = text_.size();
  text_.put(text.substr(0, kMostText));
  return text_.since(mark);
}

// As Kafka's own tools show it: base64 for URLs, not padded.
std::string_view KafkaReport::keep_id(Bytes id) {
  std::array<char, 24> room;
  TextBuffer base64(room);
  base64.put_base64(id);
  std::replace(room.begin(), room.end(), '+', '-');
  std::replace(room.begin(), room.end(), '/', '_');
  return keep({room.data(), 22});
}

// Elsewhere the request has named them.
bool KafkaReport::shows_topics() const {
  return direction_ == Direction::kToServer || key_ == kKafkaFetch;
}

bool KafkaReport::teaches_topics() const {
  return direction_ == Direction::kToClient &&
         (key_ == kKafkaMetadata || key_ == kKafkaCreateTopics);
}

void KafkaReport::add_topic(std::string_view text, bool is_id) {
  for (std::size_t i = 0; i < topic_count_; ++i) {
    if (shown_[i].text == text) return;
  }
  if (topic_count_ == kMostTopics || text_.full()) {
    more_topics_ = true;
    return;
  }
  shown_[topic_count_++] = {is_id ? text : keep(text), is_id};
}

void KafkaReport::on_number(KafkaRole role, std::int64_t number) {
  const auto first = [number](std::optional<std::int64_t>& value) {
    if (!value) value = number;
  };
  switch (role) {
    case KafkaRole::kAcks:
      acks_ = number;
      break;
    case KafkaRole::kError:
      if (number == 0) break;
      if (errors_++ == 0) error_ = number;
      break;
    case KafkaRole::kGeneration:
      first(generation_);
      break;
    case KafkaRole::kKeyType:
      key_type_ = number;
      break;
    case KafkaRole::kOffset:
      if (number >= 0) first(offset_);  // -1: none
      break;
    case KafkaRole::kPartition:
      if (partitions_++ == 0) partition_ = number;
      break;
    case KafkaRole::kProducerId:
      first(producer_);
      break;
    case KafkaRole::kThrottle:
      throttle_ = number;
      break;
    default:
      break;
  }
}

void KafkaReport::on_text(KafkaRole role, std::string_view text) {
  const auto first = [&](std::string_view& value) {
    if (value.empty() && !text.empty()) value = keep(text);
  };
  switch (role) {
    case KafkaRole::kTopic:
      if (shows_topics()) add_topic(text, false);
      if (teaches_topics()) {
        taught_size_ = std::min(text.size(), taught_.size());
        std::copy_n(text.data(), taught_size_, taught_.data());
      }
      break;
    case KafkaRole::kCoordinatorKey:
      first(coordinator_);
      break;
    case KafkaRole::kErrorMessage:
      first(error_message_);
      break;
    case KafkaRole::kGroup:
      first(group_);
      break;
    case KafkaRole::kMechanism:
      first(mechanism_);
      break;
    case KafkaRole::kMember:
      first(member_);
      break;
    case KafkaRole::kProtocol:
      first(protocol_);
      break;
    case KafkaRole::kSoftware:
      first(software_);
      break;
    case KafkaRole::kSoftwareVersion:
      first(software_version_);
      break;
    case KafkaRole::kTransactionalId:
      first(transactional_);
      break;
    default:
      break;
  }
}

void KafkaReport::on_topic_id(Bytes id) {
  if (std::all_of(id.begin(), id.end(), [](std::uint8_t byte) { return byte == 0; })) return;
  if (teaches_topics() && taught_size_ > 0) {
    topics_.learn(id, {taught_.data(), taught_size_});
    taught_size_ = 0;
  }
  if (!shows_topics()) return;
  const std::string_view name = topics_.name_of(id);
  if (!name.empty()) {
    add_topic(name, false);
    return;
  }
  const std::size_t mark = text_.size();
  const std::size_t before = topic_count_;
  add_topic(keep_id(id), true);
  if (topic_count_ == before) text_.cut(mark);
}

void KafkaReport::on_batch(std::optional<std::uint32_t> messages, int compression) {
  if (!has_records_) compression_ = compression;
  has_records_ = true;
  if (messages) {
    messages_ += *messages;
  } else {
    uncounted_ = true;
  }
}

std::optional<bool> KafkaReport::one_way() const {
  if (key_ != kKafkaProduce || direction_ == Direction::kToClient) return false;
  if (!acks_) return std::nullopt;
  return *acks_ == 0;
}

// --- the fields ----------------------------------------------------------------------------------

// Empty text is no value.
void KafkaReport::Values::add(const Field& field, std::string_view text) {
  if (!text.empty() && count_ < kRoom) fields_[count_++] = FieldValue::of(field, text);
}

void KafkaReport::add_head(Values& values) const {
  values.add(kSystem, "kafka");
  if (api_ != nullptr) values.add(kOperation, api_->name);
  values.add(kOperationType, api_ != nullptr ? operation_type(key_) : std::string_view{});
  values.add(kClient, client_);
  if (direction_ == Direction::kToServer) {
    values.add(kKey, std::int64_t{key_});
    values.add(kVersion, std::int64_t{version_});
  }
  values.add(kCorrelation, std::int64_t{correlation_});
}

void KafkaReport::add_body(Values& values) {
  if (errors_ > 0) {
    std::string_view name = kafka_error_name(error_);
    if (name.empty()) {
      const std::size_t mark = text_.size();
      text_.put("ERROR_");
      text_.put_number(static_cast<std::uint64_t>(error_ & 0xffff));
      name = text_.since(mark);
    }
    values.add(kErrorType, name);
    values.add(kErrorMessage, error_message_);
    if (errors_ > 1) values.add(kErrors, static_cast<std::int64_t>(errors_));
  }
  if (throttle_.value_or(0) > 0) values.add(kThrottle, *throttle_);
  add_topic_fields(values);
  add_record_fields(values);
  add_group_fields(values);
}

void KafkaReport::add_topic_fields(Values& values) {
  if (topic_count_ == 1 && !more_topics_) {
    values.add(shown_[0].is_id ? kTopicId : kTopic, shown_[0].text);
  } else {
    for (std::size_t i = 0; i < topic_count_; ++i) values.add(kTopics, shown_[i].text);
  }
  if (!shows_topics()) {
    if (partitions_ == 1 && offset_) values.add(kOffset, *offset_);
  } else if (partitions_ == 1) {
    const std::size_t mark = text_.size();
    if (partition_ >= 0) text_.put_number(static_cast<std::uint64_t>(partition_));
    values.add(kPartition, text_.since(mark));
    if (offset_) values.add(kOffset, *offset_);
  } else if (partitions_ > 1) {
    values.add(kPartitions, static_cast<std::int64_t>(partitions_));
  }
}

void KafkaReport::add_record_fields(Values& values) {
  const bool asked = direction_ == Direction::kToServer;
  if (acks_) values.add(kAcks, *acks_);
  if (key_ != (asked ? kKafkaProduce : kKafkaFetch)) return;
  if (!uncounted_) values.add(kMessages, static_cast<std::int64_t>(messages_));
  values.add(kRecordBytes, static_cast<std::int64_t>(record_bytes_));
  if (compression_ > 0 && compression_ < static_cast<int>(std::size(kCompressions))) {
    values.add(kCompression, kCompressions[compression_]);
  }
}

void KafkaReport::add_group_fields(Values& values) const {
  values.add(kGroup, group_);
  values.add(kMember, member_);
  if (generation_) values.add(kGeneration, *generation_);
  values.add(kProtocol, protocol_);
  constexpr std::int64_t kOfGroup = 0, kOfTransaction = 1;
  const std::int64_t type = key_type_.value_or(kOfGroup);
  values.add(type == kOfGroup         ? kGroup
             : type == kOfTransaction ? kTransaction
                                      : kCoordinator,
             coordinator_);
  values.add(kTransaction, transactional_);
  if (producer_.value_or(-1) >= 0) values.add(kProducer, *producer_);
  values.add(kMechanism, mechanism_);
  values.add(kSoftware, software_);
  values.add(kSoftwareVersion, software_version_);
}

}  // namespace weir
