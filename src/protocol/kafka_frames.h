// The heads of Kafka's requests and answers, whether bytes are such, and where the next one begins.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "protocol/decoder.h"
#include "protocol/kafka_pending.h"
#include "protocol/kafka_schema.h"

namespace weir {

inline constexpr std::size_t kKafkaPrefix = 4;  // the size, which does not count itself
inline constexpr std::uint32_t kKafkaMostSize = 100u << 20;  // what a server takes unless told else
inline constexpr std::uint32_t kKafkaMostTrusted = 1u << 30;  // and what is believed in sequence

enum class KafkaFit : std::uint8_t { kNo, kPartly, kWhole };

struct KafkaRequestHead {
  const KafkaApi* api = nullptr;  // null where the key is unknown
  std::uint32_t size = 0;
  std::uint16_t key = 0;
  std::int16_t version = 0;
  std::int32_t correlation = 0;
  std::string_view client;
  bool null_client = false;
  std::size_t length = 0;  // with the size; the body follows

  bool flexible() const { return api != nullptr && version >= api->flexible; }
  // Whether the body's rows are known.
  bool published() const { return api != nullptr && version <= api->last; }
};

// `strict`: nothing but what is known to exist. Else it is known that a request begins here.
KafkaFit read_kafka_request(Bytes bytes, bool strict, KafkaRequestHead& head);

// Of an answer behind its correlation id: the tagged fields of a flexible one.
bool kafka_answer_has_tags(const KafkaApi& api, std::uint16_t key, std::int16_t version);

// As Protocol::match, over TCP.
Match match_kafka(Bytes head, Direction direction);

// Where it is not known that a frame begins. kYes: it does. kNeedMore lasts for some
// kilobytes at most.
Match doubt_kafka_request(Bytes bytes);
// `bytes` hold the size and the correlation id, by which they would answer this.
Match doubt_kafka_answer(Bytes bytes, const KafkaPending::Request& request);

}  // namespace weir
