// The names of TLS's numbers, as IANA and the semantic conventions write them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir {

// Text of a number that has no name: 0x and its four or eight digits.
struct NumberName {
  std::array<char, 10> text;
};

// Empty when it has none.
std::string_view find_tls_cipher(std::uint16_t cipher);
// TLS_AES_128_GCM_SHA256.
std::string_view tls_cipher_name(std::uint16_t cipher, NumberName& scratch);
// 1.0 to 1.3; SSL: 2.0 and 3.0.
std::string_view tls_version_name(std::uint16_t version, NumberName& scratch);
// "ssl" or "tls".
std::string_view tls_protocol_name(std::uint16_t version);
// handshake_failure; empty when there is no such alert.
std::string_view tls_alert_name(std::uint8_t description);
// 1, 2, draft-29.
std::string_view quic_version_name(std::uint32_t version, NumberName& scratch);

// Values that clients put among real ones to keep servers tolerant (RFC 8701).
constexpr bool is_grease(std::uint16_t value) {
  return (value & 0x0f0f) == 0x0a0a && (value >> 8) == (value & 0xff);
}

}  // namespace weir
