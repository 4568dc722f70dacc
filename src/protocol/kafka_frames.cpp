#include "protocol/kafka_frames.h"

#include <algorithm>

#include "protocol/kafka_report.h"
#include "protocol/kafka_walk.h"

namespace weir {
namespace {

constexpr std::size_t kFixed = 12;  // up to the correlation id
constexpr std::size_t kWithClient = kFixed + 2;
constexpr int kLaterVersions = 4;          // than are known, and yet believed
constexpr std::size_t kMostClient = 1024;  // where it is not known that a request begins
constexpr std::uint16_t kMostKey = 1023;
constexpr std::uint64_t kMostTags = 16;
constexpr std::size_t kEnough = 1024;        // of a frame that fits, to be believed
constexpr std::int32_t kDistinct = 0x10000;  // ids from here on are no chance hits

bool is_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return byte < ' ' || byte == 0x7f;
  });
}

// No chance hit where a name is expected.
bool is_telling(std::string_view client) {
  constexpr std::size_t kLeast = 3;
  return client.size() >= kLeast &&
         std::all_of(client.begin(), client.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

// The number that a part of its bytes may begin: its smallest value.
std::uint32_t begun(Bytes bytes, std::size_t at, std::size_t width) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < width; ++i) {
    number = (number << 8) | (at + i < bytes.size() ? bytes[at + i] : 0u);
  }
  return number;
}

// The first part, of a fixed size.
bool read_fixed(Bytes bytes, bool strict, KafkaRequestHead& head) {
  const std::uint32_t most = strict ? kKafkaMostSize : kKafkaMostTrusted;
  head.size = begun(bytes, 0, 4);
  if (head.size > most || (bytes.size() >= 4 && head.size < kFixed - kKafkaPrefix)) return false;
  head.key = static_cast<std::uint16_t>(begun(bytes, 4, 2));
  if (head.key > kMostKey) return false;
  if (bytes.size() < 6) return !strict || begun(bytes, 4, 1) == 0;
  head.api = find_kafka_api(head.key);
  head.version = static_cast<std::int16_t>(begun(bytes, 6, 2));
  if (head.version < 0) return false;
  if (strict && (!head.api || head.version > head.api->last + kLaterVersions)) return false;
  head.correlation = static_cast<std::int32_t>(begun(bytes, 8, 4));
  return !strict || head.correlation >= 0;
}

// The tagged fields of a flexible head.
KafkaFit pass_tags(Bytes bytes, std::uint64_t frame, std::size_t& at) {
  const auto varint = [&](std::uint64_t& out) {
    out = 0;
    for (unsigned shift = 0; shift < 35 && at < bytes.size(); shift += 7) {
      const std::uint8_t byte = bytes[at++];
      out |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  };
  const KafkaFit short_of = bytes.size() < frame ? KafkaFit::kPartly : KafkaFit::kNo;
  std::uint64_t tags = 0, tag = 0, size = 0;
  if (!varint(tags)) return short_of;
  if (tags > kMostTags) return KafkaFit::kNo;
  for (; tags > 0; --tags) {
    if (!varint(tag) || !varint(size)) return short_of;
    if (size > kMostClient) return KafkaFit::kNo;
    if (size > bytes.size() - at) return short_of;
    at += static_cast<std::size_t>(size);
  }
  return KafkaFit::kWhole;
}

struct Walked {
  KafkaWalk::End end;
  bool exact;  // it ends where its frame does
  bool plausible;
};

Walked walk(Direction direction, const KafkaApi& api, std::uint16_t key, std::int16_t version,
            Bytes body, std::uint64_t left) {
  KafkaTopics topics;
  KafkaReport report(topics);
  report.begin(direction, &api, key, version, 0);
  KafkaWalk walk;
  const bool asked = direction == Direction::kToServer;
  walk.begin(asked ? api.request : api.response, version, version >= api.flexible, false);
  const KafkaWalk::Result result = walk.advance(body, left, report);
  return {result.end, result.end == KafkaWalk::End::kDone && result.consumed == left,
          report.plausible()};
}

Match match_request(Bytes bytes) {
  KafkaRequestHead head;
  const KafkaFit fit = read_kafka_request(bytes, true, head);
  if (fit == KafkaFit::kNo) return Match::kNo;
  if (fit == KafkaFit::kPartly) return Match::kNeedMore;
  const std::uint64_t left = head.size + kKafkaPrefix - head.length;
  bool exact = false;
  if (head.published() && !head.api->request.empty()) {
    const Bytes body = bytes.subspan(head.length);
    const Walked walked = walk(Direction::kToServer, *head.api, head.key, head.version, body, left);
    if (walked.end == KafkaWalk::End::kMalformed) return Match::kNo;
    exact = walked.exact;
  }
  const bool named = is_telling(head.client) || (!head.client.empty() && exact);
  if (named || (head.null_client && exact)) return Match::kYes;
  return bytes.size() < Protocol::kMatchBytes && bytes.size() < head.size + kKafkaPrefix
             ? Match::kNeedMore
             : Match::kMaybe;
}

// An answer does not say what it answers: is there anything that it could?
bool answers_something(Bytes bytes, std::uint32_t size) {
  constexpr std::size_t kLeast = 24;
  if (size < kKafkaPrefix + kLeast) return false;
  const bool whole = bytes.size() >= size + kKafkaPrefix;
  const Bytes behind = bytes.subspan(2 * kKafkaPrefix);
  std::uint16_t key = 0;
  for (const KafkaApi& api : kafka_apis()) {
    const std::uint16_t at = key++;
    if (api.response.empty()) continue;
    for (std::int16_t version = 0; version <= api.last; ++version) {
      const std::size_t tags = kafka_answer_has_tags(api, at, version) ? 1 : 0;
      if (tags != 0 && behind[0] != 0) continue;
      const Walked walked = walk(Direction::kToClient, api, at, version, behind.subspan(tags),
                                 size - kKafkaPrefix - tags);
      if (!walked.plausible) continue;
      if (whole ? walked.exact : walked.end != KafkaWalk::End::kMalformed) return true;
    }
  }
  return false;
}

Match match_answer(Bytes bytes) {
  const std::uint32_t size = begun(bytes, 0, 4);
  if (size > kKafkaMostSize || (bytes.size() >= 4 && size <= kKafkaPrefix)) return Match::kNo;
  if (begun(bytes, 4, 4) > 0x7fffffff) return Match::kNo;
  if (bytes.size() < Protocol::kMatchBytes &&
      (bytes.size() < 4 || bytes.size() < size + kKafkaPrefix)) {
    return Match::kNeedMore;
  }
  return answers_something(bytes, size) ? Match::kMaybe : Match::kNo;
}

}  // namespace

KafkaFit read_kafka_request(Bytes bytes, bool strict, KafkaRequestHead& head) {
  if (!read_fixed(bytes, strict, head)) return KafkaFit::kNo;
  if (bytes.size() < kFixed) return KafkaFit::kPartly;
  head.length = kFixed;
  const bool bare = head.key == kKafkaControlledShutdown && head.version == 0;
  if (head.api == nullptr || bare) return KafkaFit::kWhole;

  const std::uint64_t frame = std::uint64_t{head.size} + kKafkaPrefix;
  if (frame < kWithClient) return KafkaFit::kNo;
  if (bytes.size() < kWithClient) return KafkaFit::kPartly;
  const auto length = static_cast<std::int16_t>(load_be16(bytes.data() + kFixed));
  head.null_client = length == -1;
  const std::size_t client = length < 0 ? 0 : static_cast<std::size_t>(length);
  if (length < -1 || kWithClient + client > frame || (strict && client > kMostClient)) {
    return KafkaFit::kNo;
  }
  const std::size_t there = std::min(client, bytes.size() - kWithClient);
  head.client = as_text(bytes.subspan(kWithClient, there));
  if (!is_text(head.client)) return KafkaFit::kNo;
  if (there < client) return KafkaFit::kPartly;
  head.length = kWithClient + client;
  if (!head.flexible()) return KafkaFit::kWhole;
  const Bytes framed =
      bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), frame)));
  return pass_tags(framed, frame, head.length);
}

bool kafka_answer_has_tags(const KafkaApi& api, std::uint16_t key, std::int16_t version) {
  // Whoever asks for the versions does not know yet which of them the server knows.
  return version >= api.flexible && key != kKafkaApiVersions;
}

Match match_kafka(Bytes head, Direction direction) {
  if (head.empty()) return Match::kNeedMore;
  return direction == Direction::kToServer ? match_request(head) : match_answer(head);
}

Match doubt_kafka_request(Bytes bytes) {
  const Match match = match_request(bytes);
  if (match != Match::kNeedMore || bytes.size() < kEnough) return match;
  KafkaRequestHead head;
  const KafkaFit fit = read_kafka_request(bytes, true, head);
  if (fit == KafkaFit::kPartly) return Match::kNeedMore;
  return head.null_client || is_telling(head.client) ? Match::kYes : Match::kNo;
}

// Small numbers are everywhere, and so are small ids: what follows has to fit too.
Match doubt_kafka_answer(Bytes bytes, const KafkaPending::Request& request) {
  const std::uint32_t size = load_be32(bytes.data());
  if (size < kKafkaPrefix || size > kKafkaMostSize) return Match::kNo;
  const std::uint64_t frame = std::uint64_t{size} + kKafkaPrefix;
  const bool whole = bytes.size() >= frame;
  const KafkaApi* api = find_kafka_api(request.key);
  const bool known = api != nullptr && request.version <= api->last && !api->response.empty();
  if (known) {
    const std::size_t tags = kafka_answer_has_tags(*api, request.key, request.version) ? 1 : 0;
    if (size < kKafkaPrefix + tags) return Match::kNo;
    const Bytes behind = bytes.subspan(2 * kKafkaPrefix);
    if (behind.size() < tags) return Match::kNeedMore;
    if (tags != 0 && behind[0] != 0) return Match::kNo;
    const Walked walked = walk(Direction::kToClient, *api, request.key, request.version,
                               behind.subspan(tags), size - kKafkaPrefix - tags);
    if (walked.end == KafkaWalk::End::kMalformed || !walked.plausible) return Match::kNo;
    if (whole && !walked.exact && request.key <= kKafkaInitProducerId) return Match::kNo;
  } else if (whole && request.correlation < kDistinct && bytes.size() != frame) {
    return Match::kNo;
  }
  return whole || bytes.size() >= kEnough ? Match::kYes : Match::kNeedMore;
}

}  // namespace weir
