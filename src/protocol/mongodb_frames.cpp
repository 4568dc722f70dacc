#include "protocol/mongodb_frames.h"

#include <algorithm>
#include <cstring>

#include "protocol/mongodb_bson.h"
#include "protocol/mongodb_compression.h"

namespace weir {
namespace {

constexpr std::uint32_t kLeast = kMongoHead + 4;
constexpr std::size_t kMostNamespace = 256;
constexpr std::size_t kMostName = 128;

// Flags that the receiver must know, and those it may not know.
constexpr std::uint32_t kMessageFlags = 0x0001'0003;
constexpr std::uint32_t kQueryFlags = 0xfe;
constexpr std::uint32_t kReplyFlags = 0x0f;

bool is_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return byte >= ' ' && byte != 0x7f;
  });
}

// A document in the `room` bytes that the message has left.
MongoFit check_document(Bytes there, std::uint64_t room) {
  if (room < kBsonLeast) return MongoFit::kNo;
  if (there.size() < 4) return MongoFit::kMore;
  const std::uint32_t length = load_le32(there.data());
  if (length < kBsonLeast || length > room) return MongoFit::kNo;
  if (there.size() < 5) return MongoFit::kMore;
  if (there[4] == 0) return length == kBsonLeast ? MongoFit::kWell : MongoFit::kNo;
  const std::size_t end = std::min<std::size_t>(there.size(), length);
  BsonElement element;
  const BsonRead read = read_bson_element(there.subspan(4, end - 4), length - 4, element);
  if (read == BsonRead::kBad) return MongoFit::kNo;
  const std::string_view name = as_text(there.subspan(5)).substr(0, kMostName);
  const std::size_t zero = name.find('\0');
  if (!is_name(name.substr(0, zero))) return MongoFit::kNo;
  if (zero == std::string_view::npos) {
    return name.size() == kMostName ? MongoFit::kNo : MongoFit::kMore;
  }
  // Noise of small numbers looks like elements without a name.
  return zero == 0 ? MongoFit::kWell : MongoFit::kSure;
}

MongoFit check_message(Bytes body, std::uint64_t size) {
  if (body.size() < 4) return MongoFit::kMore;
  if ((load_le32(body.data()) & ~kMessageFlags) != 0) return MongoFit::kNo;
  const std::uint64_t checksum = (body[0] & 1) != 0 ? 4 : 0;
  if (size < 10 + checksum) return MongoFit::kNo;
  if (body.size() < 5) return MongoFit::kMore;
  const std::uint64_t room = size - 5 - checksum;
  const Bytes rest = body.subspan(5);
  if (body[4] == 0) return check_document(rest, room);
  if (body[4] != 1) return MongoFit::kNo;
  if (rest.size() < 4) return MongoFit::kMore;
  const std::uint32_t length = load_le32(rest.data());
  if (length < 6 || length + kBsonLeast >= room) return MongoFit::kNo;
  const std::string_view name = as_text(rest.subspan(4)).substr(0, kMostName);
  const std::size_t zero = name.find('\0');
  if (zero == 0 || !is_name(name.substr(0, zero))) return MongoFit::kNo;
  if (zero == std::string_view::npos) {
    return name.size() == kMostName ? MongoFit::kNo : MongoFit::kMore;
  }
  return MongoFit::kSure;
}

// A collection's full name behind `before` bytes, and `behind` bytes before a document, if any.
MongoFit check_named(Bytes body, std::uint64_t size, std::size_t before, std::size_t behind,
                     bool document) {
  if (body.size() <= before) return MongoFit::kMore;
  const std::string_view name = as_text(body.subspan(before)).substr(0, kMostNamespace);
  const std::size_t zero = name.find('\0');
  if (!is_name(name.substr(0, zero))) return MongoFit::kNo;
  if (zero == std::string_view::npos) {
    return name.size() == kMostNamespace ? MongoFit::kNo : MongoFit::kMore;
  }
  const std::size_t dot = name.find('.');
  if (dot == 0 || dot >= zero) return MongoFit::kNo;
  const std::size_t end = before + zero + 1 + behind;
  if (end > size) return MongoFit::kNo;
  if (!document) return end == size ? MongoFit::kSure : MongoFit::kNo;
  if (body.size() <= end) return end == size ? MongoFit::kNo : MongoFit::kMore;
  return check_document(body.subspan(end), size - end);
}

MongoFit check_reply(Bytes body, std::uint64_t size) {
  if (size < 20) return MongoFit::kNo;
  if (body.size() >= 4 && load_le32(body.data()) > kReplyFlags) return MongoFit::kNo;
  if (body.size() < 20) return MongoFit::kMore;
  const std::uint32_t count = load_le32(body.data() + 16);
  if (count == 0) return size == 20 ? MongoFit::kWell : MongoFit::kNo;
  if (count > size / kBsonLeast) return MongoFit::kNo;
  const bool alone = count == 1 && body.size() >= 24;
  if (alone && load_le32(body.data() + 20) != size - 20) return MongoFit::kNo;
  return check_document(body.subspan(20), size - 20);
}

MongoFit check_kill(Bytes body, std::uint64_t size) {
  if (size < 8) return MongoFit::kNo;
  if (body.size() >= 4 && load_le32(body.data()) != 0) return MongoFit::kNo;
  if (body.size() < 8) return MongoFit::kMore;
  const std::uint64_t count = load_le32(body.data() + 4);
  return count > 0 && size == 8 + 8 * count ? MongoFit::kSure : MongoFit::kNo;
}

MongoFit check_compressed(Bytes body, std::uint64_t size, Direction direction) {
  if (size <= kMongoCompressedHead) return MongoFit::kNo;
  if (body.size() < kMongoCompressedHead) return MongoFit::kMore;
  const std::uint32_t code = load_le32(body.data()), plain = load_le32(body.data() + 4);
  if (code == static_cast<std::uint32_t>(MongoCode::kCompressed) || !is_mongo_code(code, direction))
    return MongoFit::kNo;
  if (plain < 4 || plain > kMongoLongest || mongo_compressor_name(body[8]).empty()) {
    return MongoFit::kNo;
  }
  const Bytes rest = body.subspan(kMongoCompressedHead);
  if (!may_be_compressed(body[8], rest, plain)) return MongoFit::kNo;
  return rest.size() < 5 ? MongoFit::kMore : MongoFit::kSure;
}

bool leads_with_zero(Bytes body) { return body.size() < 4 || load_le32(body.data()) == 0; }

MongoFit check_body(const MongoHead& head, Bytes body, Direction direction) {
  const std::uint64_t size = head.length - kMongoHead;
  body = body.first(static_cast<std::size_t>(std::min<std::uint64_t>(body.size(), size)));
  switch (head.code) {
    case MongoCode::kMessage:
      return check_message(body, size);
    case MongoCode::kCompressed:
      return check_compressed(body, size, direction);
    case MongoCode::kReply:
      return check_reply(body, size);
    case MongoCode::kQuery:
      if (body.size() >= 4 && (load_le32(body.data()) & ~kQueryFlags) != 0) return MongoFit::kNo;
      return check_named(body, size, 4, 8, true);
    case MongoCode::kInsert:
      if (body.size() >= 4 && load_le32(body.data()) > 1) return MongoFit::kNo;
      return check_named(body, size, 4, 0, true);
    case MongoCode::kUpdate:
    case MongoCode::kDelete:
      return leads_with_zero(body) ? check_named(body, size, 4, 4, true) : MongoFit::kNo;
    case MongoCode::kGetMore:
      return leads_with_zero(body) ? check_named(body, size, 4, 12, false) : MongoFit::kNo;
    case MongoCode::kKillCursors:
      return check_kill(body, size);
  }
  return MongoFit::kNo;
}

// A head of which the end is missing.
MongoFit check_beginning(Bytes bytes) {
  std::uint8_t least[4] = {}, most[4] = {255, 255, 255, 255};
  const std::size_t there = std::min<std::size_t>(bytes.size(), 4);
  std::memcpy(least, bytes.data(), there);
  std::memcpy(most, bytes.data(), there);
  if (load_le32(least) > kMongoLongest || load_le32(most) < kLeast) return MongoFit::kNo;
  if (bytes.size() <= 12) return MongoFit::kMore;
  const std::uint8_t code = bytes[12];
  const bool old = code == 1, modern = code >= 0xd1 && code <= 0xdd;
  if (!old && !modern) return MongoFit::kNo;
  if (bytes.size() > 13 && bytes[13] != (old ? 0 : 7)) return MongoFit::kNo;
  return bytes.size() > 14 && bytes[14] != 0 ? MongoFit::kNo : MongoFit::kMore;
}

}  // namespace

bool is_mongo_code(std::uint32_t code, Direction direction) {
  switch (static_cast<MongoCode>(code)) {
    case MongoCode::kMessage:
    case MongoCode::kCompressed:
      return true;
    case MongoCode::kReply:
      return direction == Direction::kToClient;
    case MongoCode::kUpdate:
    case MongoCode::kInsert:
    case MongoCode::kQuery:
    case MongoCode::kGetMore:
    case MongoCode::kDelete:
    case MongoCode::kKillCursors:
      return direction == Direction::kToServer;
  }
  return false;
}

bool read_mongo_head(Bytes bytes, Direction direction, MongoHead& head) {
  head.length = load_le32(bytes.data());
  head.id = load_le32(bytes.data() + 4);
  head.answers = load_le32(bytes.data() + 8);
  const std::uint32_t code = load_le32(bytes.data() + 12);
  head.code = static_cast<MongoCode>(code);
  return head.length >= kLeast && head.length <= kMongoLongest && is_mongo_code(code, direction);
}

MongoFit check_mongo(Bytes bytes, Direction direction) {
  if (bytes.size() < kMongoHead) return check_beginning(bytes);
  MongoHead head;
  if (!read_mongo_head(bytes, direction, head)) return MongoFit::kNo;
  const bool to_server = direction == Direction::kToServer;
  // A request answers nothing; drivers say so with 0, old ones with -1.
  if (to_server && head.answers != 0 && head.answers != 0xffffffff) return MongoFit::kNo;
  const MongoFit fit = check_body(head, bytes.subspan(kMongoHead), direction);
  if (fit == MongoFit::kMore && bytes.size() >= head.length) return MongoFit::kNo;
  // The answer to request 0 looks like a request.
  const bool both_ways = head.code == MongoCode::kMessage || head.code == MongoCode::kCompressed;
  return fit == MongoFit::kSure && !to_server && both_ways && head.answers == 0 ? MongoFit::kWell
                                                                                : fit;
}

}  // namespace weir
