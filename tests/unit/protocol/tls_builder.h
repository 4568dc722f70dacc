// Handshake messages of TLS as bytes, for the tests of TLS and QUIC.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace weir::test {

inline std::string big_endian(std::uint64_t number, int width) {
  std::string out;
  for (int i = width - 1; i >= 0; --i) out += static_cast<char>(number >> (8 * i) & 0xff);
  return out;
}
// Bytes with their count before them.
inline std::string counted(std::string_view bytes, int width) {
  return big_endian(bytes.size(), width) + std::string(bytes);
}
inline std::string numbers(std::initializer_list<std::uint64_t> list) {
  std::string out;
  for (const std::uint64_t number : list) out += big_endian(number, 2);
  return out;
}

inline std::string tls_record(std::uint8_t type, std::string_view body,
                              std::uint64_t version = 0x0303) {
  return static_cast<char>(type) + big_endian(version, 2) + counted(body, 2);
}
inline std::string tls_message(std::uint8_t type, std::string_view body) {
  return static_cast<char>(type) + counted(body, 3);
}
inline std::string extension(std::uint64_t type, std::string_view data) {
  return big_endian(type, 2) + counted(data, 2);
}
inline std::string server_name(std::string_view name) {
  return extension(0, counted('\0' + counted(name, 2), 2));
}
inline std::string alpn(std::initializer_list<std::string_view> names) {
  std::string list;
  for (const std::string_view name : names) list += counted(name, 1);
  return extension(16, counted(list, 2));
}
inline std::string offered_versions(std::initializer_list<std::uint64_t> list) {
  return extension(43, counted(numbers(list), 1));
}

inline std::string client_hello(std::string_view extensions,
                                std::string_view ciphers = std::string_view("\x13\x01\xc0\x2b", 4),
                                std::uint64_t version = 0x0303, std::string_view session = {}) {
  return tls_message(1, big_endian(version, 2) + std::string(32, 'r') + counted(session, 1) +
                            counted(ciphers, 2) + counted(std::string(1, '\0'), 1) +
                            (extensions.empty() ? std::string() : counted(extensions, 2)));
}
inline std::string server_hello(std::uint64_t cipher, std::string_view extensions = {},
                                std::uint64_t version = 0x0303,
                                const std::string& random = std::string(32, 's')) {
  return tls_message(2, big_endian(version, 2) + random + counted({}, 1) + big_endian(cipher, 2) +
                            '\0' + (extensions.empty() ? std::string() : counted(extensions, 2)));
}
// The random that makes a ServerHello a HelloRetryRequest (RFC 8446, 4.1.3).
inline const std::string kHelloRetry =
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";
inline const std::string kSelects13 = extension(43, "\x03\x04");

}  // namespace weir::test
