// What a PostgreSQL server says of an error or in a notice.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace weir {

struct PostgresReport {
  std::string_view severity, code, message;
};
// `body` may be cut.
PostgresReport read_postgres_report(Bytes body);

// The message as it is shown. It quotes what was sent: names stay, values do not, unless `raw`.
void put_postgres_message(std::string_view text, std::string_view code, bool raw, std::string& out);

}  // namespace weir
