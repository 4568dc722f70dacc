// KafkaReport: what of one message is shown, gathered while its body is walked through.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/decoder.h"
#include "protocol/kafka_schema.h"
#include "protocol/kafka_topics.h"
#include "protocol/text_buffer.h"

namespace weir {

extern const Vocabulary kKafkaVocabulary;

class KafkaReport {
 public:
  static constexpr std::size_t kMostText = 255;  // of one value

  explicit KafkaReport(KafkaTopics& topics) : topics_(topics) {}
  KafkaReport(const KafkaReport&) = delete;
  KafkaReport& operator=(const KafkaReport&) = delete;

  // Begins a message anew. `api`: null where the key is unknown.
  void begin(Direction direction, const KafkaApi* api, std::uint16_t key, std::int16_t version,
             std::int32_t correlation);
  void set_client(std::string_view client) { client_ = keep(client); }

  void on_number(KafkaRole role, std::int64_t number);
  void on_text(KafkaRole role, std::string_view text);
  void on_topic_id(Bytes id);
  // Of one record batch; `messages` is empty where it cannot be told.
  void on_batch(std::optional<std::uint32_t> messages, int compression);
  void on_records(std::uint64_t bytes) { record_bytes_ += bytes; }

  // Whether a Produce wants no answer; nothing where that has not been read yet.
  std::optional<bool> one_way() const;
  bool failed() const { return errors_ > 0; }
  // Nothing that no server says.
  bool plausible() const {
    constexpr std::int64_t kHour = 3'600'000;
    const std::int64_t throttle = throttle_.value_or(0);
    const bool known = errors_ == 0 || !kafka_error_name(error_).empty();
    return known && throttle >= 0 && throttle <= kHour;
  }

  class Values;
  // What is known from the head alone.
  void add_head(Values& values) const;
  // What the body said.
  void add_body(Values& values);

 private:
  static constexpr std::size_t kMostTopics = 16;
  static constexpr std::size_t kRoom = 1536;

  struct Topic {
    std::string_view text;
    bool is_id;
  };

  std::string_view keep(std::string_view text);
  std::string_view keep_id(Bytes id);
  void add_topic(std::string_view text, bool is_id);
  bool shows_topics() const;
  bool teaches_topics() const;
  void add_group_fields(Values& values) const;
  void add_topic_fields(Values& values);
  void add_record_fields(Values& values);

  KafkaTopics& topics_;
  Direction direction_ = Direction::kToServer;
  const KafkaApi* api_ = nullptr;
  std::uint16_t key_ = 0;
  std::int16_t version_ = 0;
  std::int32_t correlation_ = 0;

  std::array<char, kRoom> room_;
  TextBuffer text_{room_};
  std::string_view client_, group_, member_, transactional_, coordinator_, mechanism_, software_,
      software_version_, protocol_, error_message_;
  std::array<Topic, kMostTopics> shown_;
  std::size_t topic_count_ = 0;  // of those shown
  bool more_topics_ = false;
  std::array<char, kMostText> taught_;  // the name of the topic whose id may follow
  std::size_t taught_size_ = 0;

  std::uint64_t partitions_ = 0, errors_ = 0, record_bytes_ = 0, messages_ = 0;
  bool has_records_ = false, uncounted_ = false;
  int compression_ = 0;
  std::int64_t partition_ = 0, error_ = 0;
  std::optional<std::int64_t> acks_, key_type_, offset_, generation_, producer_, throttle_;
};

// The fields of one message, on the stack and not initialised.
class KafkaReport::Values {
 public:
  Values() {}  // the values are written before they are read

  void add(const Field& field, std::string_view text);
  void add(const Field& field, std::int64_t number) {
    if (count_ < kRoom) fields_[count_++] = FieldValue::of(field, number);
  }
  std::span<const FieldValue> get() const { return {fields_.data(), count_}; }

 private:
  static constexpr std::size_t kRoom = kMostTopics + 30;

  union {
    std::array<FieldValue, kRoom> fields_;
  };
  std::size_t count_ = 0;
};

}  // namespace weir
