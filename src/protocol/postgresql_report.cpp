#include "protocol/postgresql_report.h"

#include <array>

#include "protocol/postgresql_frames.h"
#include "protocol/sql_text.h"

namespace weir {
namespace {

constexpr std::size_t kMostMessage = 512;

}  // namespace

PostgresReport read_postgres_report(Bytes body) {
  PostgresReport report;
  Reader reader(body);
  while (reader.ok() && reader.remaining() > 0) {
    const std::uint8_t field = reader.u8();
    if (field == 0) break;
    const std::string_view text = take_postgres_text(reader);
    switch (field) {
      case 'S':
        if (report.severity.empty()) report.severity = text;
        break;
      case 'V':  // the same in English, whatever the server's language
        report.severity = text;
        break;
      case 'C':
        report.code = text;
        break;
      case 'M':
        report.message = text;
        break;
      default:
        break;
    }
  }
  return report;
}

void put_postgres_message(std::string_view text, std::string_view code, bool raw,
                          std::string& out) {
  text = text.substr(0, kMostMessage);
  out.assign(raw ? text : std::string_view{});
  while (!raw && !text.empty()) {
    const std::size_t open = text.find('"');
    out.append(text.substr(0, open));
    if (open == std::string_view::npos) break;
    text.remove_prefix(open + 1);
    const std::size_t close = text.find('"');
    std::array<char, kMostMessage> room;
    const std::string_view shown =
        code.starts_with("22")  // is about values
            ? "?"
            : read_sql(text.substr(0, close), kPostgresSql, false, room).text;
    out.append(1, '"').append(shown).append(1, '"');
    if (close == std::string_view::npos) break;
    text.remove_prefix(close + 1);
  }
}

}  // namespace weir
