// The cryptography that watching a handshake takes: digests, and the keys of QUIC's Initial
// packets, which anyone who sees the first packet can derive. The only user of OpenSSL here.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"

namespace weir {

// MD5 of what is added, as JA3 wants it.
class Md5 {
 public:
  Md5();
  ~Md5();
  Md5(const Md5&) = delete;
  Md5& operator=(const Md5&) = delete;

  void add(std::string_view text) noexcept;
  // 32 lower-case hexadecimal digits; false where the system's OpenSSL refuses MD5.
  bool hex(std::array<char, 32>& out) noexcept;

 private:
  void* context_;
};

// One direction's keys of QUIC's Initial packets (RFC 9001, 5.2).
struct InitialKeys {
  std::array<std::uint8_t, 16> key{}, header{};
  std::array<std::uint8_t, 12> iv{};
};

// What one version of QUIC derives Initial keys with.
struct InitialSecrets {
  std::array<std::uint8_t, 20> salt;
  std::string_view key_label, iv_label, header_label;  // without "tls13 "
};

// Client's and server's, from the connection id the client chose.
bool derive_initial_keys(const InitialSecrets& secrets, Bytes connection_id, InitialKeys& client,
                         InitialKeys& server) noexcept;

// The mask of RFC 9001, 5.4.3, from 16 bytes of sample.
bool header_mask(const InitialKeys& keys, Bytes sample, std::array<std::uint8_t, 5>& mask) noexcept;

// AES-128-GCM. `sealed` ends with its tag; `out` has room for the rest of it. False when the tag is
// not that of these bytes.
bool open_sealed(const InitialKeys& keys, std::uint64_t packet_number, Bytes header, Bytes sealed,
                 std::uint8_t* out) noexcept;

}  // namespace weir
