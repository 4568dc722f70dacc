#include "protocol/tls_record.h"

#include <algorithm>

#include "protocol/tls_hello.h"
#include "protocol/tls_names.h"

namespace weir {
namespace {

constexpr std::uint8_t kClientKeyExchange = 16, kCertificateVerify = 15;
constexpr std::uint8_t kServerMessages[] = {4, 6, 11, 12, 13, 14, 22};
constexpr std::size_t kAlertBytes = 2;
// An encrypted alert: as short as any cipher makes it.
constexpr std::size_t kSealedAlertBytes = 16;
// No hello has more: three lists of 64 KiB.
constexpr std::uint8_t kMaxHelloHigh = 2;

std::size_t message_bytes(Bytes header) {
  return kTlsMessageHeader + (std::size_t{header[1]} << 16 | load_be16(header.data() + 2));
}

Match begins_with(TlsType type, Bytes head) {
  if (head[0] != static_cast<std::uint8_t>(type)) return Match::kNo;
  if (head.size() > 1 && head[1] != 3) return Match::kNo;
  if (head.size() > 2 && head[2] > 4) return Match::kNo;
  return head.size() < TlsRecord::kHeader ? Match::kNeedMore : Match::kYes;
}

// A hello at the beginning of a connection.
Match match_hello(const TlsRecord& record, Bytes body, std::uint8_t type) {
  if (record.size < kTlsMessageHeader) return Match::kMaybe;  // its header in pieces
  if (body.size() > 1 && body[1] > kMaxHelloHigh) return Match::kNo;
  if (record.size < kTlsMessageHeader + 2) return Match::kMaybe;
  if (body.size() < kTlsMessageHeader + 2) return Match::kNeedMore;
  const std::uint16_t version = load_be16(body.data() + kTlsMessageHeader);
  const bool draft = type == kTlsServerHello && (version >> 8) == 0x7f;
  if (!draft && (version < 0x0300 || version > kTls13)) return Match::kNo;
  // version, random, session id, cipher suites, compression
  const std::size_t least = type == kTlsClientHello ? 41 : 36;
  return message_bytes(body) >= kTlsMessageHeader + least ? Match::kYes : Match::kNo;
}

Match match_alert(const TlsRecord& record, Bytes body) {
  if (record.size != kAlertBytes)
    return record.size < kSealedAlertBytes ? Match::kNo : Match::kMaybe;
  if (!body.empty() && (body[0] < 1 || body[0] > 2)) return Match::kNo;
  if (body.size() < kAlertBytes) return Match::kNeedMore;
  return tls_alert_name(body[1]).empty() ? Match::kNo : Match::kYes;
}

// In the middle of a connection: a whole record and what follows it have to fit.
Match match_middle(const TlsRecord& first, Bytes head) {
  std::size_t at = TlsRecord::kHeader + first.size;
  TlsRecord next;
  if (head.size() < at) return Match::kMaybe;
  const Bytes rest = head.subspan(at);
  if (rest.empty()) return Match::kYes;
  if (rest.size() < TlsRecord::kHeader) return Match::kMaybe;
  return read_tls_record(rest, next) ? Match::kYes : Match::kNo;
}

Match match_handshake(const TlsRecord& record, Bytes head, Direction direction) {
  const Bytes body = head.subspan(TlsRecord::kHeader);
  if (body.empty()) return Match::kNeedMore;
  const bool to_server = direction == Direction::kToServer;
  const std::uint8_t type = body[0];
  if (type == kTlsClientHello || type == kTlsServerHello) {
    return to_server == (type == kTlsClientHello) ? match_hello(record, body, type) : Match::kNo;
  }
  if ((type == kClientKeyExchange || type == kCertificateVerify) && !to_server) return Match::kNo;
  const bool servers = std::find(std::begin(kServerMessages), std::end(kServerMessages), type) !=
                       std::end(kServerMessages);
  if (servers && to_server) return Match::kNo;
  return match_middle(record, head);
}

}  // namespace

bool read_tls_record(Bytes bytes, TlsRecord& record) noexcept {
  if (bytes[0] < 20 || bytes[0] > 23 || bytes[1] != 3 || bytes[2] > 4) return false;
  record.type = static_cast<TlsType>(bytes[0]);
  record.version = load_be16(bytes.data() + 1);
  record.size = load_be16(bytes.data() + 3);
  if (record.type == TlsType::kChangeCipherSpec) return record.size == 1;
  return record.size > 0 && record.size <= TlsRecord::kMaxBytes;
}

// length(2, high bit set) type(1)=1 version(2) ciphers(2) session(2) challenge(2), and these three
Match match_ssl2_hello(Bytes bytes, Ssl2Hello& hello) noexcept {
  constexpr std::size_t kFixed = 11, kCipherBytes = 3, kSessionBytes = 16, kMaxChallenge = 32;
  if (bytes.empty()) return Match::kNeedMore;
  if ((bytes[0] & 0x80) == 0) return Match::kNo;
  if (bytes.size() > 2 && bytes[2] != kTlsClientHello) return Match::kNo;
  if (bytes.size() > 3 && bytes[3] != 0 && bytes[3] != 3) return Match::kNo;
  if (bytes.size() > 4 && bytes[4] > (bytes[3] == 3 ? 4 : 2)) return Match::kNo;
  if (bytes.size() < kFixed) return Match::kNeedMore;
  const std::size_t size = (bytes[0] & 0x7fu) << 8 | bytes[1];
  const std::size_t ciphers = load_be16(bytes.data() + 5), session = load_be16(bytes.data() + 7),
                    challenge = load_be16(bytes.data() + 9);
  if (ciphers == 0 || ciphers % kCipherBytes != 0 || (session != 0 && session != kSessionBytes) ||
      challenge < kSessionBytes || challenge > kMaxChallenge ||
      size + 2 != kFixed + ciphers + session + challenge) {
    return Match::kNo;
  }
  hello = {load_be16(bytes.data() + 3), size + 2};
  return Match::kYes;
}

Match match_tls(Bytes head, Direction direction) noexcept {
  if (head.empty()) return Match::kNeedMore;
  Ssl2Hello ssl2;
  if (direction == Direction::kToServer && (head[0] & 0x80) != 0) {
    return match_ssl2_hello(head, ssl2);
  }
  if (head[0] < 20 || head[0] > 23) return Match::kNo;
  const Match begins = begins_with(static_cast<TlsType>(head[0]), head);
  if (begins != Match::kYes) return begins;
  TlsRecord record;
  if (!read_tls_record(head, record)) return Match::kNo;
  if (record.type == TlsType::kHandshake) return match_handshake(record, head, direction);
  if (record.type == TlsType::kAlert) {
    const Match alert = match_alert(record, head.subspan(TlsRecord::kHeader));
    if (alert != Match::kMaybe) return alert;
  }
  return match_middle(record, head);
}

TlsHelloBytes::State TlsHelloBytes::look(Bytes bytes, std::size_t limit) noexcept {
  for (;;) {
    const Bytes rest = bytes.subspan(walked_);
    TlsRecord record;
    if (rest.size() < TlsRecord::kHeader) return State::kMore;
    if (!read_tls_record(rest, record) || record.type != TlsType::kHandshake) return State::kBroken;
    const Bytes body = rest.subspan(TlsRecord::kHeader);
    if (gathered_.empty() && record.size >= kTlsMessageHeader) {
      if (body.size() < kTlsMessageHeader) return State::kMore;
      const std::size_t size = message_bytes(body);
      if (size > limit) return State::kBroken;
      if (size <= record.size) {
        if (body.size() < size) return State::kMore;
        message_ = body.first(size);
        end_ = walked_ + TlsRecord::kHeader + size;
        rest_ = record.size - size;
        return State::kWhole;
      }
    }
    if (body.size() < record.size) return State::kMore;
    gathered_.insert(gathered_.end(), body.begin(),
                     body.begin() + static_cast<std::ptrdiff_t>(record.size));
    walked_ += TlsRecord::kHeader + record.size;
    if (gathered_.size() < kTlsMessageHeader) continue;
    const std::size_t size = message_bytes(gathered_);
    if (size > limit) return State::kBroken;
    if (gathered_.size() < size) continue;
    rest_ = gathered_.size() - size;
    message_ = Bytes(gathered_).first(size);
    end_ = walked_ - rest_;
    return State::kWhole;
  }
}

void TlsHelloBytes::clear() noexcept {
  gathered_ = {};
  walked_ = end_ = rest_ = 0;
  message_ = {};
}

}  // namespace weir
