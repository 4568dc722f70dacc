#include "protocol/quic_packet.h"

#include <algorithm>

namespace weir {
namespace {

constexpr std::uint32_t kVersion2 = 0x6b3343cf;
constexpr std::size_t kSampleBytes = 16, kMaxNumberBytes = 4;

struct Version {
  std::uint32_t first, last;
  InitialSecrets secrets;
};

constexpr std::string_view kKey = "quic key", kIv = "quic iv", kHeader = "quic hp";
constexpr InitialSecrets kSecrets1{{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                    0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
                                   kKey,
                                   kIv,
                                   kHeader};
constexpr Version kVersions[] = {
    {1, 1, kSecrets1},
    {kVersion2,
     kVersion2,
     {{0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
       0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
      "quicv2 key",
      "quicv2 iv",
      "quicv2 hp"}},
    {0xff000021, 0xff000022, kSecrets1},
    {0xff00001d,
     0xff000020,
     {{0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
       0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99},
      kKey,
      kIv,
      kHeader}},
    {0xff000017,
     0xff00001c,
     {{0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
       0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02},
      kKey,
      kIv,
      kHeader}},
};

// An integer of 1, 2, 4 or 8 bytes (RFC 9000, 16).
std::uint64_t variable(Reader& reader) {
  const std::uint8_t first = reader.u8();
  std::uint64_t value = first & 0x3f;
  for (int more = (1 << (first >> 6)) - 1; more > 0; --more) value = value << 8 | reader.u8();
  return value;
}

Bytes take(Reader& reader, std::uint64_t size) {
  return reader.take(static_cast<std::size_t>(
      std::min<std::uint64_t>(size, std::uint64_t{reader.remaining()} + 1)));
}

QuicType type_of(std::uint8_t first, std::uint32_t version) {
  static constexpr QuicType kTypes[] = {QuicType::kInitial, QuicType::kZeroRtt,
                                        QuicType::kHandshake, QuicType::kRetry};
  const unsigned bits = (first >> 4) & 3;
  return kTypes[version == kVersion2 ? (bits + 3) % 4 : bits];
}

// Skips over ranges of acknowledged packets.
void pass_acknowledgment(Reader& reader, bool counts) {
  variable(reader);
  variable(reader);
  std::uint64_t ranges = variable(reader);
  variable(reader);
  for (; ranges > 0 && reader.ok(); --ranges) {
    variable(reader);
    variable(reader);
  }
  for (int i = 0; counts && i < 3; ++i) variable(reader);
}

}  // namespace

const InitialSecrets* initial_secrets(std::uint32_t version) {
  for (const Version& known : kVersions) {
    if (version >= known.first && version <= known.last) return &known.secrets;
  }
  return nullptr;
}

bool read_quic_packet(Bytes datagram, QuicPacket& packet) noexcept {
  Reader reader(datagram);
  const std::uint8_t first = reader.u8();
  packet.version = reader.be32();
  if (!reader.ok() || (first & 0x80) == 0) return false;
  packet.destination = reader.take(reader.u8());
  packet.source = reader.take(reader.u8());
  if (!reader.ok()) return false;
  packet.whole = datagram;
  if (packet.version == 0) {
    packet.type = QuicType::kVersionNegotiation;
    packet.versions = reader.rest();
    return packet.versions.size() >= 4 && packet.versions.size() % 4 == 0;
  }
  packet.type = QuicType::kOther;
  if (initial_secrets(packet.version) == nullptr) return true;
  // The second bit is not looked at: ends may agree to vary it (RFC 9287).
  if (packet.destination.size() > QuicPacket::kMaxConnectionId ||
      packet.source.size() > QuicPacket::kMaxConnectionId) {
    return false;
  }
  packet.type = type_of(first, packet.version);
  if (packet.type == QuicType::kRetry) return reader.remaining() >= kSampleBytes;
  packet.token = {};
  if (packet.type == QuicType::kInitial) packet.token = take(reader, variable(reader));
  const std::uint64_t length = variable(reader);
  packet.number_at = reader.offset();
  if (!reader.ok() || length > reader.remaining() || length < kMaxNumberBytes + kSampleBytes) {
    return false;
  }
  packet.whole = datagram.first(packet.number_at + static_cast<std::size_t>(length));
  return true;
}

bool open_initial(const QuicPacket& packet, const InitialKeys& keys, std::uint64_t largest,
                  QuicPayload& payload) noexcept {
  constexpr std::size_t kMaxHeader = 1024;  // a token of some hundred bytes
  const std::size_t at = packet.number_at;
  std::array<std::uint8_t, kMaxHeader> header;
  if (at + kMaxNumberBytes > kMaxHeader || packet.whole.size() > QuicPayload::kMaxBytes) {
    return false;
  }
  std::array<std::uint8_t, 5> mask;
  if (!header_mask(keys, packet.whole.subspan(at + kMaxNumberBytes, kSampleBytes), mask)) {
    return false;
  }
  std::copy_n(packet.whole.begin(), at + kMaxNumberBytes, header.begin());
  header[0] = static_cast<std::uint8_t>(header[0] ^ (mask[0] & 0x0f));
  const std::size_t number_bytes = (header[0] & 3u) + 1;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < number_bytes; ++i) {
    header[at + i] = static_cast<std::uint8_t>(header[at + i] ^ mask[1 + i]);
    number = number << 8 | header[at + i];
  }
  // The number nearest to the next one that has these low bits (RFC 9000, A.3).
  const std::uint64_t window = std::uint64_t{1} << (8 * number_bytes);
  const std::uint64_t expected = largest + 1;
  number |= expected & ~(window - 1);
  if (number + window / 2 <= expected) {
    number += window;
  } else if (number > expected + window / 2 && number >= window) {
    number -= window;
  }
  const Bytes sealed = packet.whole.subspan(at + number_bytes);
  if (!open_sealed(keys, number, Bytes(header).first(at + number_bytes), sealed,
                   payload.room.data())) {
    return false;
  }
  payload.frames = Bytes(payload.room).first(sealed.size() - kSampleBytes);  // the tag is as long
  payload.number = number;
  return true;
}

bool next_quic_frame(Bytes& frames, QuicFrame& frame) noexcept {
  enum : std::uint8_t { kPadding, kPing, kAck, kAckCounts, kCrypto = 6, kClose = 0x1c };
  while (!frames.empty() && frames[0] == kPadding) frames = frames.subspan(1);
  if (frames.empty()) return false;
  Reader reader(frames);
  const std::uint8_t type = reader.u8();
  frame = {};
  switch (type) {
    case kPing:
      break;
    case kAck:
    case kAckCounts:
      pass_acknowledgment(reader, type == kAckCounts);
      break;
    case kCrypto:
      frame.kind = QuicFrame::Kind::kCrypto;
      frame.offset = variable(reader);
      frame.data = take(reader, variable(reader));
      break;
    case kClose:
      frame.kind = QuicFrame::Kind::kClose;
      frame.error = variable(reader);
      variable(reader);                // the frame that was at fault
      take(reader, variable(reader));  // the reason in words
      break;
    default:
      return false;
  }
  if (!reader.ok()) return false;
  frames = reader.rest();
  return true;
}

}  // namespace weir
