// QUIC's long-header packets (RFC 9000, 17.2) of version 1, version 2 (RFC 9369) and the drafts
// from 23 on, and what is in Initial packets, which anyone can decrypt.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "protocol/handshake_crypto.h"

namespace weir {

enum class QuicType : std::uint8_t {
  kInitial,
  kZeroRtt,
  kHandshake,
  kRetry,
  kVersionNegotiation,
  kOther,  // of a version that is not known here
};

struct QuicPacket {
  static constexpr std::size_t kMaxConnectionId = 20;

  QuicType type = QuicType::kOther;
  std::uint32_t version = 0;
  Bytes destination, source;  // connection ids
  Bytes token;                // of Initial: what the client had from the server
  Bytes whole;                // the packet; the rest of the datagram where it has no length
  std::size_t number_at = 0;  // of Initial: where the packet number begins, still protected
  Bytes versions;             // of a Version Negotiation
};

// The packet at the front of a datagram; false when it has a short header, or is none.
bool read_quic_packet(Bytes datagram, QuicPacket& packet) noexcept;

// What a version derives its keys with; null for one that is not known here.
const InitialSecrets* initial_secrets(std::uint32_t version);

// Versions that only test whether a server negotiates (RFC 9000, 15).
constexpr bool is_reserved_version(std::uint32_t version) {
  return (version & 0x0f0f0f0f) == 0x0a0a0a0a;
}

// The frames of an Initial packet, decrypted.
struct QuicPayload {
  static constexpr std::size_t kMaxBytes = 16384;

  std::array<std::uint8_t, kMaxBytes> room;
  Bytes frames;
  std::uint64_t number = 0;
};

// False when it was not sealed with these keys. `largest` is the highest number so far in its
// direction.
bool open_initial(const QuicPacket& packet, const InitialKeys& keys, std::uint64_t largest,
                  QuicPayload& payload) noexcept;

// A frame of an Initial packet; of those that are of no interest only that they were there.
struct QuicFrame {
  enum class Kind : std::uint8_t { kOther, kCrypto, kClose };

  Kind kind = Kind::kOther;
  std::uint64_t offset = 0;  // of kCrypto
  Bytes data;
  std::uint64_t error = 0;  // of kClose
};

// Takes the next frame off the front; false at the end, or at one that Initial packets cannot have.
bool next_quic_frame(Bytes& frames, QuicFrame& frame) noexcept;

}  // namespace weir
