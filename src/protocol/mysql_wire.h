// What MySQL's packets are made of: headers, length-encoded numbers, the handshake's two packets,
// and the three that end an answer: OK, EOF, ERR.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace weir {

inline constexpr std::size_t kMysqlHeader = 4;
inline constexpr std::uint32_t kMysqlFull =
    0xffffff;  // a packet of this length goes on in the next

// Of the lower 32 capability flags.
enum MysqlCapability : std::uint32_t {
  kMysqlLongPassword = 1u << 0,  // MariaDB without it: its own flags follow in the filler
  kMysqlConnectWithDb = 1u << 3,
  kMysqlCompress = 1u << 5,
  kMysqlProtocol41 = 1u << 9,
  kMysqlSsl = 1u << 11,
  kMysqlSecureConnection = 1u << 15,
  kMysqlPluginAuth = 1u << 19,
  kMysqlAuthLenenc = 1u << 21,
  kMysqlSessionTrack = 1u << 23,
  kMysqlDeprecateEof = 1u << 24,
  kMysqlOptionalMetadata = 1u << 25,
  kMysqlZstd = 1u << 26,
  kMysqlQueryAttributes = 1u << 27,
};
inline constexpr std::uint32_t kMariadbCacheMetadata = 1u << 4;  // of MariaDB's own flags

enum MysqlServerStatus : std::uint16_t {
  kMysqlMoreResults = 0x0008,
  kMysqlCursorExists = 0x0040,
  kMysqlNoBackslashEscapes = 0x0200,
  kMysqlSessionChanged = 0x4000,
};

inline std::uint16_t load_le16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>(p[0] | (p[1] << 8));
}
inline std::uint32_t load_le24(const std::uint8_t* p) {
  return p[0] | (std::uint32_t{p[1]} << 8) | (std::uint32_t{p[2]} << 16);
}
inline std::uint32_t load_le32(const std::uint8_t* p) {
  return load_le24(p) | (std::uint32_t{p[3]} << 24);
}

// Reads from the front of a packet; past its end 0 or nothing, and ok() is false for good.
class MysqlReader {
 public:
  explicit MysqlReader(Bytes bytes) : reader_(bytes) {}

  bool ok() const { return reader_.ok(); }
  std::size_t remaining() const { return reader_.remaining(); }
  Bytes rest() const { return reader_.rest(); }
  std::uint8_t u8() { return reader_.u8(); }
  std::uint16_t le16() { return static_cast<std::uint16_t>(little(2)); }
  std::uint32_t le32() { return static_cast<std::uint32_t>(little(4)); }
  std::uint64_t number();                                  // length-encoded
  std::string_view text() { return take_text(number()); }  // length-encoded
  std::string_view text_to_zero();
  std::string_view take_text(std::uint64_t size) {
    return as_text(reader_.take(static_cast<std::size_t>(std::min<std::uint64_t>(size, kFar))));
  }
  void skip(std::size_t count) { reader_.skip(count); }

 private:
  static constexpr std::uint64_t kFar = std::uint64_t{1} << 32;

  std::uint64_t little(std::size_t count);
  Reader reader_;
};

// What server and client tell of themselves.
struct MysqlGreeting {
  std::string_view version;
  std::uint32_t capabilities = 0, mariadb = 0;
};
bool read_mysql_greeting(Bytes payload, MysqlGreeting& out);

struct MysqlLogin {
  std::uint32_t capabilities = 0, mariadb = 0;
  std::string_view user, database;
  bool to_tls = false;  // that is all, until TLS has been set up
};
bool read_mysql_login(Bytes payload, MysqlLogin& out);
// Of COM_CHANGE_USER, behind the command.
bool read_mysql_change_user(Bytes payload, std::uint32_t capabilities, MysqlLogin& out);

// OK and EOF: how an answer, or a part of it, ended.
struct MysqlOk {
  std::uint64_t affected = 0, last_insert_id = 0;
  std::uint16_t status = 0, warnings = 0;
  std::string_view database;  // set when the server told that it changed
};
// Whether `payload`, of a packet of `length` bytes, is an OK (0x00, or 0xFE in place of an EOF).
bool read_mysql_ok(Bytes payload, std::uint32_t capabilities, MysqlOk& out);
// 0xFE with at most warnings and status.
bool read_mysql_eof(Bytes payload, MysqlOk& out);

// The statement of a COM_QUERY, behind the command; attributes may stand before it.
std::string_view find_mysql_query(Bytes payload, std::uint32_t capabilities);

struct MysqlError {
  std::uint16_t code = 0;
  std::string_view state, message;
};
bool read_mysql_error(Bytes payload, MysqlError& out);

}  // namespace weir
