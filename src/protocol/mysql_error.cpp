#include "protocol/mysql_error.h"

#include <algorithm>
#include <iterator>

#include "protocol/text_buffer.h"

namespace weir {
namespace {

// Errors whose quotes hold names only: databases, tables, columns, keys, users, variables.
constexpr std::uint16_t kNamesOnly[] = {
    1007, 1008, 1040, 1044, 1045, 1046, 1048, 1049, 1050, 1051, 1052, 1054, 1060, 1061, 1068,
    1072, 1091, 1109, 1113, 1115, 1128, 1129, 1130, 1142, 1143, 1146, 1176, 1193, 1203, 1205,
    1213, 1226, 1227, 1238, 1264, 1304, 1305, 1306, 1317, 1318, 1347, 1356, 1359, 1360, 1364,
    1370, 1396, 1406, 1419, 1449, 1451, 1452, 1505, 1615, 1698, 1792, 1969, 3024};
// The statement's own words: SIGNAL.
constexpr std::uint16_t kSignalled = 1644;

}  // namespace

std::string_view redact_mysql_error(std::uint16_t code, std::string_view message,
                                    std::span<char> room) {
  if (code == kSignalled) return "?";
  if (std::binary_search(std::begin(kNamesOnly), std::end(kNamesOnly), code)) return message;
  const std::size_t first = message.find_first_of("'\"");
  if (first == std::string_view::npos) return message;
  // Values may have quotes of their own: all up to the last quote is theirs.
  const std::size_t last = message.find_last_of("'\"");
  TextBuffer out(room);
  out.put(message.substr(0, first));
  out.put("'?'");
  if (last != first) out.put(message.substr(last + 1));
  return out.since(0);
}

}  // namespace weir
