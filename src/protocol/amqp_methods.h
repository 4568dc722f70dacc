// The methods of AMQP 0-9-1 and RabbitMQ's extensions: who sends them, what answers them, what they
// say.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "protocol/decoder.h"

namespace weir {

enum class AmqpRole : std::uint8_t {
  kRequest,  // waits for an answer, unless its no-wait bit is set
  kAnswer,
  kContent,  // a header frame and a body follow
  kSettle,   // of deliveries by the client, of publishes by the server
  kOther,
};

inline constexpr std::uint8_t kAmqpClient = 1, kAmqpServer = 2, kAmqpBoth = 3;

struct AmqpMethod {
  std::uint16_t group, id;  // the specification calls a group a class
  std::string_view name;
  AmqpRole role;
  std::uint8_t from;           // kAmqpClient, kAmqpServer, kAmqpBoth
  std::string_view arguments;  // a letter each, see amqp_methods.cpp
  std::uint8_t no_wait = 0;    // the bit that says so
  std::string_view type = {};  // the semantic convention's kind of operation

  bool unusual = false;  // an answer that is not numbered as its question

  bool is(std::uint16_t g, std::uint16_t i) const { return group == g && id == i; }
  bool sent_by(Direction direction) const {
    return (from & (direction == Direction::kToServer ? kAmqpClient : kAmqpServer)) != 0;
  }
  // Of an answer: the id of what it answers.
  std::uint16_t asked() const {
    return static_cast<std::uint16_t>(id - id % 10 - (unusual ? 10 : 0));
  }
};

namespace amqp {
inline constexpr std::uint16_t kConnection = 10, kChannel = 20, kExchange = 40, kQueue = 50,
                               kBasic = 60, kConfirm = 85;
inline constexpr std::uint16_t kTuneOk = 31, kConnectionClose = 50, kConnectionCloseOk = 51,
                               kOpen = 10, kChannelClose = 40, kChannelCloseOk = 41, kConsume = 20,
                               kConsumeOk = 21, kCancel = 30, kPublish = 40, kReturn = 50,
                               kDeliver = 60, kGet = 70, kGetOk = 71, kAck = 80, kReject = 90,
                               kRecoverAsync = 100, kRecover = 110, kNack = 120, kSelect = 10,
                               kSelectOk = 11;
}  // namespace amqp

// Null where there is none.
const AmqpMethod* find_amqp_method(std::uint16_t group, std::uint16_t id);

// The name of a reply code; empty where it is no error, or unknown.
std::string_view amqp_error_name(std::uint16_t code);

// What a method says. Views into the frame.
struct AmqpArguments {
  enum Has : std::uint32_t {
    kTag = 1,
    kMessages = 2,
    kConsumers = 4,
    kCode = 8,
    kLimits = 16,
    kBits = 32,
  };

  std::string_view exchange, routing_key, queue, consumer_tag, virtual_host, text, mechanism;
  std::uint64_t delivery_tag = 0;
  std::uint32_t messages = 0, consumers = 0, frame_max = 0;
  std::uint16_t channel_max = 0, heartbeat = 0, code = 0, cause_group = 0, cause_id = 0;
  std::uint8_t bits = 0;
  std::uint32_t has = 0;  // Has
};

// `bytes` follow the method's ids. What is cut off is absent.
AmqpArguments read_amqp_arguments(const AmqpMethod& method, Bytes bytes);

// What a content header says. Views into the frame.
struct AmqpHeader {
  std::uint64_t body_size = 0;
  std::string_view message_id, correlation_id;
};

// `bytes` are the frame's payload; false where it is no content header.
bool read_amqp_header(Bytes bytes, AmqpHeader& out);

}  // namespace weir
