#include "protocol/tls_names.h"

#include <algorithm>
#include <iterator>

namespace weir {
namespace {

struct Alert {
  std::uint8_t number;
  std::string_view name;
};

std::string_view number_name(std::uint32_t number, int digits, NumberName& scratch) {
  static constexpr char kDigits[] = "0123456789abcdef";
  scratch.text[0] = '0';
  scratch.text[1] = 'x';
  for (int i = 0; i < digits; ++i) {
    scratch.text[static_cast<std::size_t>(2 + i)] =
        kDigits[(number >> (4 * (digits - 1 - i))) & 15];
  }
  return {scratch.text.data(), static_cast<std::size_t>(2 + digits)};
}

constexpr Alert kAlerts[] = {{0, "close_notify"},
                             {10, "unexpected_message"},
                             {20, "bad_record_mac"},
                             {21, "decryption_failed"},
                             {22, "record_overflow"},
                             {30, "decompression_failure"},
                             {40, "handshake_failure"},
                             {41, "no_certificate"},
                             {42, "bad_certificate"},
                             {43, "unsupported_certificate"},
                             {44, "certificate_revoked"},
                             {45, "certificate_expired"},
                             {46, "certificate_unknown"},
                             {47, "illegal_parameter"},
                             {48, "unknown_ca"},
                             {49, "access_denied"},
                             {50, "decode_error"},
                             {51, "decrypt_error"},
                             {60, "export_restriction"},
                             {70, "protocol_version"},
                             {71, "insufficient_security"},
                             {80, "internal_error"},
                             {86, "inappropriate_fallback"},
                             {90, "user_canceled"},
                             {100, "no_renegotiation"},
                             {109, "missing_extension"},
                             {110, "unsupported_extension"},
                             {111, "certificate_unobtainable"},
                             {112, "unrecognized_name"},
                             {113, "bad_certificate_status_response"},
                             {114, "bad_certificate_hash_value"},
                             {115, "unknown_psk_identity"},
                             {116, "certificate_required"},
                             {120, "no_application_protocol"},
                             {121, "ech_required"}};

constexpr std::string_view kVersions[] = {"3.0", "1.0", "1.1", "1.2", "1.3"};

}  // namespace

std::string_view tls_cipher_name(std::uint16_t cipher, NumberName& scratch) {
  const std::string_view name = find_tls_cipher(cipher);
  return name.empty() ? number_name(cipher, 4, scratch) : name;
}

std::string_view tls_version_name(std::uint16_t version, NumberName& scratch) {
  if (version == 0x0002) return "2.0";
  const unsigned minor = version - 0x0300u;
  return minor < std::size(kVersions) ? kVersions[minor] : number_name(version, 4, scratch);
}

std::string_view tls_protocol_name(std::uint16_t version) {
  return version <= 0x0300 ? "ssl" : "tls";
}

std::string_view tls_alert_name(std::uint8_t description) {
  for (const Alert& alert : kAlerts) {
    if (alert.number == description) return alert.name;
  }
  return {};
}

std::string_view quic_version_name(std::uint32_t version, NumberName& scratch) {
  static constexpr std::string_view kDraft = "draft-";
  if (version == 1) return "1";
  if (version == 0x6b3343cf) return "2";
  if ((version >> 8) != 0xff0000) return number_name(version, 8, scratch);
  const std::uint32_t draft = version & 0xff;
  if (draft > 99) return number_name(version, 8, scratch);
  std::copy(kDraft.begin(), kDraft.end(), scratch.text.begin());
  scratch.text[kDraft.size()] = static_cast<char>('0' + draft / 10);
  scratch.text[kDraft.size() + 1] = static_cast<char>('0' + draft % 10);
  return {scratch.text.data(), kDraft.size() + 2};
}

}  // namespace weir
