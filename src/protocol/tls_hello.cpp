#include "protocol/tls_hello.h"

#include <algorithm>
#include <charconv>

#include "protocol/handshake_crypto.h"
#include "protocol/tls_fields.h"

namespace weir {
namespace {

enum Extension : std::uint16_t {
  kServerName = 0,
  kGroups = 10,
  kPointFormats = 11,
  kAlpn = 16,
  kPreSharedKey = 41,
  kEarlyData = 42,
  kVersions = 43,
  kEncryptedServerName = 0xffce,  // ESNI, a draft of what became ECH
  kEncryptedClientHello = 0xfe0d,
};

// The random of a ServerHello that is a HelloRetryRequest (RFC 8446, 4.1.3).
constexpr std::uint8_t kRetryRandom[] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

// JA3: five lists of decimal numbers, of which the MD5 is the fingerprint.
// https://github.com/salesforce/ja3
class Ja3 {
 public:
  void number(std::uint16_t value) {
    if (is_grease(value)) return;
    if (!first_) put('-');
    first_ = false;
    char digits[5];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    for (const char* c = digits; c != end; ++c) put(*c);
  }
  void next_list() {
    put(',');
    first_ = true;
  }
  bool hex(std::array<char, 32>& out) {
    flush();
    return md5_.hex(out);
  }

 private:
  void put(char c) {
    if (size_ == room_.size()) flush();
    room_[size_++] = c;
  }
  void flush() {
    md5_.add({room_.data(), size_});
    size_ = 0;
  }

  Md5 md5_;
  std::array<char, 512> room_;
  std::size_t size_ = 0;
  bool first_ = true;
};

// A list with its length in `length_bytes` before it; what is there of one that is cut off.
Bytes list_of(Reader& reader, int length_bytes) {
  const std::size_t size = length_bytes == 1 ? reader.u8() : reader.be16();
  return reader.take(std::min(size, reader.remaining()));
}

void add_numbers(Ja3& ja3, Bytes list) {
  for (; list.size() >= 2; list = list.subspan(2)) ja3.number(load_be16(list.data()));
}

void read_server_name(Reader reader, ClientHello& hello) {
  Reader names(list_of(reader, 2));
  while (names.remaining() > 3) {
    const std::uint8_t type = names.u8();
    const Bytes name = list_of(names, 2);
    if (type == 0 && hello.server_name.empty()) hello.server_name = as_text(name);
  }
}

void read_alpn(Reader reader, ClientHello& hello) {
  Reader names(list_of(reader, 2));
  while (names.remaining() > 0 && hello.alpn_count < ClientHello::kMaxAlpn) {
    const Bytes name = list_of(names, 1);
    const bool grease = name.size() == 2 && is_grease(load_be16(name.data()));
    if (!name.empty() && !grease) hello.alpn[hello.alpn_count++] = as_text(name);
  }
}

void read_versions(Reader reader, ClientHello& hello) {
  for (Bytes list = list_of(reader, 1);
       list.size() >= 2 && hello.version_count < ClientHello::kMaxVersions;
       list = list.subspan(2)) {
    const std::uint16_t version = load_be16(list.data());
    if (!is_grease(version)) hello.versions[hello.version_count++] = version;
  }
}

void read_extension(std::uint16_t type, Bytes data, ClientHello& hello, Bytes& groups,
                    Bytes& formats) {
  Reader reader(data);
  switch (type) {
    case kServerName:
      return read_server_name(reader, hello);
    case kAlpn:
      return read_alpn(reader, hello);
    case kVersions:
      return read_versions(reader, hello);
    case kGroups:
      groups = list_of(reader, 2);
      return;
    case kPointFormats:
      formats = list_of(reader, 1);
      return;
    case kEarlyData:
      hello.early_data = true;
      return;
    case kEncryptedServerName:
    case kEncryptedClientHello:
      hello.encrypted = true;
      return;
    default:
      return;
  }
}

// Behind them some clients write what no server takes.
constexpr std::size_t kVersionAndRandom = 34;

}  // namespace

bool read_client_hello(Bytes body, ClientHello& hello) noexcept {
  Reader reader(body);
  hello.legacy_version = reader.be16();
  reader.skip(32);  // random
  reader.take(reader.u8());
  const Bytes ciphers = reader.take(reader.be16());
  reader.take(reader.u8());  // compression
  if (body.size() < kVersionAndRandom) return false;
  if (!reader.ok()) return true;
  Ja3 ja3;
  ja3.number(hello.legacy_version);
  ja3.next_list();
  add_numbers(ja3, ciphers);
  ja3.next_list();
  Bytes groups, formats;
  Reader extensions(reader.remaining() > 0 ? list_of(reader, 2) : Bytes{});
  while (extensions.remaining() >= 4) {
    const std::uint16_t type = extensions.be16();
    ja3.number(type);
    read_extension(type, list_of(extensions, 2), hello, groups, formats);
  }
  ja3.next_list();
  add_numbers(ja3, groups);
  ja3.next_list();
  for (const std::uint8_t format : formats) ja3.number(format);
  hello.has_ja3 = ja3.hex(hello.ja3);
  return true;
}

bool read_server_hello(Bytes body, ServerHello& hello) noexcept {
  Reader reader(body);
  hello.version = reader.be16();
  const Bytes random = reader.take(32);
  // The early drafts of TLS 1.3 have no session id there.
  const bool early_draft = (hello.version >> 8) == 0x7f && hello.version < 0x7f16;
  if (!early_draft) reader.take(reader.u8());
  hello.cipher = reader.be16();
  if (!early_draft) reader.u8();  // compression
  if (!reader.ok()) return false;
  hello.retry = std::equal(random.begin(), random.end(), std::begin(kRetryRandom));
  Reader extensions(reader.remaining() > 0 ? list_of(reader, 2) : Bytes{});
  while (extensions.remaining() >= 4) {
    const std::uint16_t type = extensions.be16();
    Reader data(list_of(extensions, 2));
    if (type == kVersions && data.remaining() >= 2) hello.version = data.be16();
    if (type == kPreSharedKey) hello.accepts = true;
    if (type != kAlpn) continue;
    Reader names(list_of(data, 2));
    hello.alpn = as_text(list_of(names, 1));
  }
  return true;
}

void ClientHello::put(HelloFields& fields) {
  fields.add_text(kTlsServerName, server_name);
  if (has_ja3) fields.add_text(kTlsJa3, {ja3.data(), ja3.size()});
  for (std::size_t i = 0; i < alpn_count; ++i) fields.add_text(kTlsOfferedAlpn, alpn[i]);
  if (version_count == 0) {
    fields.add_text(kTlsOfferedVersions, tls_version_name(legacy_version, version_names[0]));
  }
  for (std::size_t i = 0; i < version_count; ++i) {
    fields.add_text(kTlsOfferedVersions, tls_version_name(versions[i], version_names[i]));
  }
  fields.add_flag(kTlsEch, encrypted);
}

void ServerHello::put(HelloFields& fields) {
  fields.add_text(kTlsName, tls_protocol_name(version));
  fields.add_text(kTlsVersion, tls_version_name(version, version_name));
  fields.add_text(kTlsCipher, tls_cipher_name(cipher, cipher_name));
  fields.add_text(kTlsNextProtocol, alpn);
}

}  // namespace weir
