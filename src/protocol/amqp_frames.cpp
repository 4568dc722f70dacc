#include "protocol/amqp_frames.h"

#include <algorithm>
#include <cstring>

#include "protocol/amqp_methods.h"

namespace weir {
namespace {

constexpr std::uint32_t kMostMethod = 65536;  // that is believed without having been expected

constexpr std::uint8_t kVersions[][4] = {{0, 0, 9, 1}, {1, 1, 0, 9}, {1, 1, 8, 0}, {1, 1, 9, 1}};

Match match_heartbeat(Bytes bytes) {
  constexpr std::uint8_t kWhole[] = {AmqpFrame::kHeartbeat, 0, 0, 0, 0, 0, 0, AmqpFrame::kEnd};
  const std::size_t size = std::min(bytes.size(), sizeof kWhole);
  if (std::memcmp(bytes.data(), kWhole, size) != 0) return Match::kNo;
  return size < sizeof kWhole ? Match::kNeedMore : Match::kMaybe;
}

}  // namespace

AmqpFrame read_amqp_frame(Bytes bytes) {
  return {bytes[0], load_be16(bytes.data() + 1), load_be32(bytes.data() + 3)};
}

Match match_amqp_greeting(Bytes bytes) {
  const std::size_t size = std::min<std::size_t>(bytes.size(), 4);
  if (std::memcmp(bytes.data(), "AMQP", size) != 0) return Match::kNo;
  if (bytes.size() < kAmqpGreeting) return Match::kNeedMore;
  for (const auto& version : kVersions) {
    if (std::memcmp(bytes.data() + 4, version, 4) == 0) return Match::kYes;
  }
  return Match::kMaybe;
}

Match match_amqp_frame(Bytes bytes, Direction direction) {
  if (bytes.empty()) return Match::kNeedMore;
  if (bytes[0] == AmqpFrame::kHeartbeat) return match_heartbeat(bytes);
  if (bytes[0] != AmqpFrame::kMethod) return Match::kNo;
  if (bytes.size() > 3 && bytes[3] != 0) return Match::kNo;
  if (bytes.size() < AmqpFrame::kHead + 4) return Match::kNeedMore;
  const AmqpFrame frame = read_amqp_frame(bytes);
  if (frame.size < 4 || frame.size > kMostMethod) return Match::kNo;
  const std::uint8_t* const payload = bytes.data() + AmqpFrame::kHead;
  const AmqpMethod* method = find_amqp_method(load_be16(payload), load_be16(payload + 2));
  if (method == nullptr || !method->sent_by(direction)) return Match::kNo;
  if ((method->group == amqp::kConnection) != (frame.channel == 0)) return Match::kNo;
  const auto length = static_cast<std::size_t>(frame.length());
  if (bytes.size() < length) return Match::kNeedMore;
  if (bytes[length - 1] != AmqpFrame::kEnd) return Match::kNo;
  return method->from == kAmqpBoth ? Match::kMaybe : Match::kYes;
}

std::size_t find_amqp_frame(Bytes bytes, Direction direction) {
  std::size_t undecided = bytes.size();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const std::uint8_t first = bytes[at];
    const bool greeting = first == 'A' && direction == Direction::kToServer;
    if (first != AmqpFrame::kMethod && first != AmqpFrame::kHeartbeat && !greeting) continue;
    const Bytes rest = bytes.subspan(at);
    const Match match = greeting ? match_amqp_greeting(rest) : match_amqp_frame(rest, direction);
    if (match == Match::kYes || (match == Match::kMaybe && !greeting)) return at;
    if (match == Match::kNeedMore) undecided = std::min(undecided, at);
  }
  return undecided;
}

}  // namespace weir
