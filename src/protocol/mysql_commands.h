// The commands of MySQL and MariaDB: what each is called and what its answer looks like.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

// What a server sends in answer.
enum class MysqlAnswer : std::uint8_t {
  kNone,
  kStatus,   // one packet: OK, EOF or ERR
  kResult,   // results, OK, ERR, or the wish for a file
  kPrepare,  // OK with the statement's number, its parameters and columns
  kColumns,  // definitions of columns, EOF
  kRows,     // of a cursor, EOF
  kText,     // one packet of text
  kLogin,    // what authentication needs, OK or ERR
  kStream,   // events without end
  kUnknown,  // what came first tells
};

struct MysqlCommand {
  std::uint8_t code = 0;
  std::string_view name;
  MysqlAnswer answer = MysqlAnswer::kUnknown;
  std::uint32_t shortest = 1, longest = 0;  // with the code; longest 0: any
  bool statement = false;                   // the number of a prepared statement follows
};

inline constexpr std::uint8_t kComQuit = 0x01, kComInitDb = 0x02, kComQuery = 0x03,
                              kComChangeUser = 0x11, kComPrepare = 0x16, kComExecute = 0x17,
                              kComClose = 0x19, kComReset = 0x1f, kComBulkExecute = 0xfa;

// Null when there is no such command.
const MysqlCommand* find_mysql_command(std::uint8_t code);
// The login, which is no command on the wire.
extern const MysqlCommand kMysqlConnect;

inline bool fits(const MysqlCommand& command, std::uint32_t length) {
  return length >= command.shortest && (command.longest == 0 || length <= command.longest);
}

}  // namespace weir
