// The records that carry TLS over TCP, and what stands in the first of them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "protocol/decoder.h"

namespace weir {

enum class TlsType : std::uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
};

struct TlsRecord {
  static constexpr std::size_t kHeader = 5;
  static constexpr std::size_t kMaxBytes = 16384 + 2048;

  TlsType type = TlsType::kHandshake;
  std::uint16_t version = 0;
  std::size_t size = 0;  // without the header
};

// The header at the front of bytes, of which there are enough; false when it is none.
bool read_tls_record(Bytes bytes, TlsRecord& record) noexcept;

// The ClientHello of SSL 2, which old clients also offered SSL 3 and TLS with: a record of its own
// kind. What it offers; 0 when it is none.
struct Ssl2Hello {
  std::uint16_t version = 0;
  std::size_t size = 0;  // with its header
};
Match match_ssl2_hello(Bytes bytes, Ssl2Hello& hello) noexcept;

// As Protocol::match.
Match match_tls(Bytes head, Direction direction) noexcept;

// Puts a direction's first handshake message together, whatever records and segments it is cut
// into. Looks at no byte twice.
class TlsHelloBytes {
 public:
  enum class State : std::uint8_t { kMore, kWhole, kBroken };

  // `bytes` begin at the first record: the same ones as the last time, and more. At most `limit`
  // bytes of message.
  State look(Bytes bytes, std::size_t limit) noexcept;
  // With its header; valid until the next look() or clear().
  Bytes message() const { return message_; }
  // Behind its last byte, and what is left from there of the record.
  std::size_t end() const { return end_; }
  std::size_t rest() const { return rest_; }
  void clear() noexcept;

 private:
  std::vector<std::uint8_t> gathered_;  // of a message in several records
  std::size_t walked_ = 0;              // the records that it was gathered from
  Bytes message_;
  std::size_t end_ = 0, rest_ = 0;
};

}  // namespace weir
