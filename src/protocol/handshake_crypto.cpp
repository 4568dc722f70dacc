#include "protocol/handshake_crypto.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>

namespace weir {
namespace {

constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kSecretBytes = 32;
using Secret = std::array<std::uint8_t, kSecretBytes>;

// What a thread keeps of OpenSSL: to look an algorithm up takes longer than to use it on a packet.
struct Tools {
  Tools() = default;
  Tools(const Tools&) = delete;
  Tools& operator=(const Tools&) = delete;
  ~Tools() {
    EVP_CIPHER_CTX_free(gcm);
    EVP_CIPHER_CTX_free(ecb);
    EVP_MD_CTX_free(digest);
    EVP_CIPHER_free(aes_gcm);
    EVP_CIPHER_free(aes_ecb);
    EVP_MD_free(sha256);
    EVP_MD_free(md5);
  }

  bool whole() const { return sha256 && aes_ecb && aes_gcm && digest && ecb && gcm; }

  EVP_MD* md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);  // not everywhere
  EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_CIPHER* aes_ecb = EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr);
  EVP_CIPHER* aes_gcm = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  EVP_CIPHER_CTX* ecb = EVP_CIPHER_CTX_new();
  EVP_CIPHER_CTX* gcm = EVP_CIPHER_CTX_new();
};

const Tools& kept_tools() {
  thread_local const Tools kept;
  return kept;
}
// Null where the system's OpenSSL lacks something of what QUIC takes.
const Tools* tools() { return kept_tools().whole() ? &kept_tools() : nullptr; }

bool sha256(const Tools& t, std::initializer_list<Bytes> parts, Secret& out) {
  bool ok = EVP_DigestInit_ex2(t.digest, t.sha256, nullptr) == 1;
  for (const Bytes part : parts) {
    ok = ok && EVP_DigestUpdate(t.digest, part.data(), part.size()) == 1;
  }
  return ok && EVP_DigestFinal_ex(t.digest, out.data(), nullptr) == 1;
}

// RFC 2104, of keys no longer than a block.
bool hmac_sha256(Bytes key, Bytes data, Secret& out) {
  constexpr std::size_t kBlock = 64;
  const Tools* const t = tools();
  if (t == nullptr || key.size() > kBlock) return false;
  std::array<std::uint8_t, kBlock> inner{}, outer{};
  std::copy_n(key.begin(), key.size(), inner.begin());
  for (std::size_t i = 0; i < kBlock; ++i) {
    outer[i] = inner[i] ^ 0x5c;
    inner[i] ^= 0x36;
  }
  return sha256(*t, {inner, data}, out) && sha256(*t, {outer, Bytes(out)}, out);
}

// HKDF-Expand-Label (RFC 8446, 7.1) of no more than one block.
bool expand(const Secret& secret, std::string_view label, std::span<std::uint8_t> out) {
  static constexpr std::string_view kPrefix = "tls13 ";
  std::array<std::uint8_t, 64> info;
  std::size_t size = 0;
  info[size++] = 0;
  info[size++] = static_cast<std::uint8_t>(out.size());
  info[size++] = static_cast<std::uint8_t>(kPrefix.size() + label.size());
  for (const std::string_view part : {kPrefix, label}) {
    std::memcpy(info.data() + size, part.data(), part.size());
    size += part.size();
  }
  info[size++] = 0;  // no context
  info[size++] = 1;  // the first block
  Secret block;
  if (!hmac_sha256(secret, Bytes(info).first(size), block)) return false;
  std::copy_n(block.begin(), out.size(), out.begin());
  return true;
}

bool derive(const Secret& initial, std::string_view side, const InitialSecrets& secrets,
            InitialKeys& keys) {
  Secret secret;
  return expand(initial, side, secret) && expand(secret, secrets.key_label, keys.key) &&
         expand(secret, secrets.iv_label, keys.iv) &&
         expand(secret, secrets.header_label, keys.header);
}

}  // namespace

Md5::Md5() : context_(EVP_MD_CTX_new()) {
  auto* context = static_cast<EVP_MD_CTX*>(context_);
  const EVP_MD* const md5 = kept_tools().md5;
  if (context != nullptr && md5 && EVP_DigestInit_ex2(context, md5, nullptr) == 1) return;
  EVP_MD_CTX_free(context);
  context_ = nullptr;
}

Md5::~Md5() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

void Md5::add(std::string_view text) noexcept {
  if (context_ == nullptr) return;
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), text.data(), text.size());
}

bool Md5::hex(std::array<char, 32>& out) noexcept {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (context_ == nullptr ||
      EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.data(), &size) != 1) {
    return false;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = kDigits[i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 15];
  }
  return true;
}

bool derive_initial_keys(const InitialSecrets& secrets, Bytes connection_id, InitialKeys& client,
                         InitialKeys& server) noexcept {
  // What is recognised by its keys is decoded next, with the same.
  struct Last {
    const InitialSecrets* secrets = nullptr;
    std::array<std::uint8_t, 20> id{};
    std::size_t size = 0;
    InitialKeys client, server;
  };
  thread_local Last last;
  const Bytes known = Bytes(last.id).first(last.size);
  if (last.secrets != &secrets || !std::ranges::equal(known, connection_id)) {
    Secret initial;
    last.secrets = nullptr;
    if (!hmac_sha256(secrets.salt, connection_id, initial) ||
        !derive(initial, "client in", secrets, last.client) ||
        !derive(initial, "server in", secrets, last.server)) {
      return false;
    }
    last.size = std::min(connection_id.size(), last.id.size());
    std::copy_n(connection_id.begin(), last.size, last.id.begin());
    if (connection_id.size() <= last.id.size()) last.secrets = &secrets;
  }
  client = last.client;
  server = last.server;
  return true;
}

bool header_mask(const InitialKeys& keys, Bytes sample,
                 std::array<std::uint8_t, 5>& mask) noexcept {
  const Tools* const t = tools();
  std::array<std::uint8_t, 32> block;
  int size = 0;
  if (sample.size() != 16 || t == nullptr ||
      EVP_EncryptInit_ex2(t->ecb, t->aes_ecb, keys.header.data(), nullptr, nullptr) != 1 ||
      EVP_EncryptUpdate(t->ecb, block.data(), &size, sample.data(), 16) != 1) {
    return false;
  }
  std::copy_n(block.begin(), mask.size(), mask.begin());
  return true;
}

bool open_sealed(const InitialKeys& keys, std::uint64_t packet_number, Bytes header, Bytes sealed,
                 std::uint8_t* out) noexcept {
  if (sealed.size() < kTagBytes) return false;
  std::array<std::uint8_t, 12> nonce = keys.iv;
  for (std::size_t i = 0; i < 8; ++i) {
    nonce[11 - i] = static_cast<std::uint8_t>(nonce[11 - i] ^ (packet_number >> (8 * i)));
  }
  const Bytes text = sealed.first(sealed.size() - kTagBytes);
  std::array<std::uint8_t, kTagBytes> tag;
  std::copy_n(sealed.end() - kTagBytes, kTagBytes, tag.begin());
  const Tools* const t = tools();
  if (t == nullptr) return false;
  EVP_CIPHER_CTX* const c = t->gcm;
  int size = 0;
  return EVP_DecryptInit_ex2(c, t->aes_gcm, keys.key.data(), nonce.data(), nullptr) == 1 &&
         EVP_DecryptUpdate(c, nullptr, &size, header.data(), static_cast<int>(header.size())) ==
             1 &&
         EVP_DecryptUpdate(c, out, &size, text.data(), static_cast<int>(text.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(c, out + text.size(), &size) == 1;
}

}  // namespace weir
