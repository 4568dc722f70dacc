// The frames of AMQP 0-9-1: what one looks like, and whether bytes begin with one.
#pragma once

#include "base/bytes.h"
#include "protocol/decoder.h"

namespace weir {

struct AmqpFrame {
  static constexpr std::size_t kHead = 7;
  static constexpr std::uint8_t kMethod = 1, kHeader = 2, kBody = 3, kHeartbeat = 8;
  static constexpr std::uint8_t kEnd = 0xce;

  std::uint8_t type = 0;
  std::uint16_t channel = 0;
  std::uint32_t size = 0;  // of the payload

  // With its head and its end.
  std::uint64_t length() const { return kHead + std::uint64_t{size} + 1; }
};

// `bytes` hold a frame's head.
AmqpFrame read_amqp_frame(Bytes bytes);

inline constexpr std::size_t kAmqpGreeting = 8;  // "AMQP" and a version
// kMaybe: a version of which the frames are others.
Match match_amqp_greeting(Bytes bytes);

// Whether bytes begin with a method or a heartbeat. kYes where only this direction sends it.
Match match_amqp_frame(Bytes bytes, Direction direction);

// How many bytes to discard before one of these may begin, the greeting included.
std::size_t find_amqp_frame(Bytes bytes, Direction direction);

}  // namespace weir
