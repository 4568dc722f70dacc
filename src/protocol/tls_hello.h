// ClientHello and ServerHello: what they say, and how a message carries it. The same over TCP and
// in QUIC. Views point into the message's bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "protocol/tls_names.h"
#include "record/field.h"

namespace weir {

inline constexpr std::uint8_t kTlsClientHello = 1, kTlsServerHello = 2;
// type(1) length(3) before the body of each handshake message.
inline constexpr std::size_t kTlsMessageHeader = 4;
inline constexpr std::uint16_t kTls13 = 0x0304;

// Values of one message; what does not fit is left out.
template <std::size_t kSize>
class FieldArray {
 public:
  void add(const FieldValue& value) {
    if (size_ < kSize) values_[size_++] = value;
  }
  void add_text(const Field& field, std::string_view text) {
    if (!text.empty()) add(FieldValue::of(field, text));
  }
  void add_flag(const Field& field, bool set) {
    if (set) add(FieldValue::of(field, std::int64_t{1}));
  }
  std::span<const FieldValue> values() const { return std::span(values_).first(size_); }

 private:
  std::array<FieldValue, kSize> values_;
  std::size_t size_ = 0;
};

using HelloFields = FieldArray<48>;

struct ClientHello {
  static constexpr std::size_t kMaxAlpn = 24, kMaxVersions = 8;

  std::string_view server_name;
  std::array<std::string_view, kMaxAlpn> alpn;
  std::array<std::uint16_t, kMaxVersions> versions;  // without GREASE
  std::array<NumberName, kMaxVersions> version_names;
  std::array<char, 32> ja3;
  std::uint16_t legacy_version = 0;
  std::uint8_t alpn_count = 0, version_count = 0;
  bool has_ja3 = false, encrypted = false, early_data = false;

  // They point into this.
  void put(HelloFields& fields);
};

struct ServerHello {
  std::string_view alpn;
  NumberName version_name, cipher_name;
  std::uint16_t version = 0;  // selected
  std::uint16_t cipher = 0;
  bool retry = false;    // a HelloRetryRequest
  bool accepts = false;  // a pre-shared key: the session is resumed

  // TLS 1.3 or one of its drafts.
  bool is_13() const { return version == kTls13 || (version >> 8) == 0x7f; }
  void put(HelloFields& fields);
};

// `body` is the message without its header. False when it is not of this kind; of a ClientHello
// what follows something malformed is left out.
bool read_client_hello(Bytes body, ClientHello& hello) noexcept;
bool read_server_hello(Bytes body, ServerHello& hello) noexcept;

}  // namespace weir
