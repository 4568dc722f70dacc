#include "protocol/mysql_commands.h"

#include <iterator>

namespace weir {
namespace {

using enum MysqlAnswer;

constexpr std::uint32_t kAny = 0, kName = 1030;

constexpr MysqlCommand kCommands[] = {
    {0x00, "COM_SLEEP", kStatus, 1, 1},
    {0x01, "COM_QUIT", kNone, 1, 1},
    {0x02, "COM_INIT_DB", kStatus, 1, kName},
    {0x03, "COM_QUERY", kResult, 2, kAny},
    {0x04, "COM_FIELD_LIST", kColumns, 2, 2 * kName},
    {0x05, "COM_CREATE_DB", kStatus, 2, kName},
    {0x06, "COM_DROP_DB", kStatus, 2, kName},
    {0x07, "COM_REFRESH", kStatus, 2, 2},
    {0x08, "COM_SHUTDOWN", kStatus, 1, 2},
    {0x09, "COM_STATISTICS", kText, 1, 1},
    {0x0a, "COM_PROCESS_INFO", kResult, 1, 1},
    {0x0b, "COM_CONNECT", kStatus, 1, 1},
    {0x0c, "COM_PROCESS_KILL", kStatus, 5, 5},
    {0x0d, "COM_DEBUG", kStatus, 1, 1},
    {0x0e, "COM_PING", kStatus, 1, 1},
    {0x0f, "COM_TIME", kStatus, 1, 1},
    {0x10, "COM_DELAYED_INSERT", kStatus, 1, 1},
    {0x11, "COM_CHANGE_USER", kLogin, 3, kAny},
    {0x12, "COM_BINLOG_DUMP", kStream, 11, kName},
    {0x13, "COM_TABLE_DUMP", kStream, 3, kName},
    {0x14, "COM_CONNECT_OUT", kStatus, 1, 1},
    {0x15, "COM_REGISTER_SLAVE", kStatus, 18, kName},
    {0x16, "COM_STMT_PREPARE", kPrepare, 2, kAny},
    {0x17, "COM_STMT_EXECUTE", kResult, 10, kAny, true},
    {0x18, "COM_STMT_SEND_LONG_DATA", kNone, 7, kAny, true},
    {0x19, "COM_STMT_CLOSE", kNone, 5, 5, true},
    {0x1a, "COM_STMT_RESET", kStatus, 5, 5, true},
    {0x1b, "COM_SET_OPTION", kStatus, 3, 3},
    {0x1c, "COM_STMT_FETCH", kRows, 9, 9, true},
    {0x1d, "COM_DAEMON", kStatus, 1, 1},
    {0x1e, "COM_BINLOG_DUMP_GTID", kStream, 19, kAny},
    {0x1f, "COM_RESET_CONNECTION", kStatus, 1, 1},
};
constexpr MysqlCommand kBulk = {0xfa, "COM_STMT_BULK_EXECUTE", kResult, 7, kAny, true};

}  // namespace

constinit const MysqlCommand kMysqlConnect = {0x0b, "CONNECT", kLogin, 0, kAny};

const MysqlCommand* find_mysql_command(std::uint8_t code) {
  if (code < std::size(kCommands)) return &kCommands[code];
  return code == kBulk.code ? &kBulk : nullptr;
}

}  // namespace weir
