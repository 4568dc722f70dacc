// The frames of PostgreSQL: their heads, and how much of what they hold looks as it should. For
// decoding, recognising and finding one's way again alike.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "protocol/decoder.h"

namespace weir {

inline constexpr std::size_t kPostgresHead = 5;  // type and length

// Requests that have no type, known by the number behind their length.
inline constexpr std::uint32_t kPostgresProtocol3 = 3;  // the upper half of the number
inline constexpr std::uint32_t kPostgresCancel = 80877102;
inline constexpr std::uint32_t kPostgresSsl = 80877103;
inline constexpr std::uint32_t kPostgresGss = 80877104;
inline constexpr std::uint32_t kPostgresMostStartup = 10000;

enum class PostgresFit : std::uint8_t {
  kNo,      // is none
  kPartly,  // what there is of it fits
  kWhole,   // all of it is there and fits
  kSure,    // and nothing else looks like this, though its end may be missing
};

struct PostgresFrame {
  char type = 0;
  std::uint64_t size = 0;  // with type and length
};

// Whether a frame of this type and direction can have this head. `bytes` hold kPostgresHead bytes.
bool read_postgres_head(Bytes bytes, Direction direction, PostgresFrame& frame);
// The frame that begins here, of which `bytes` may be the beginning.
PostgresFit check_postgres_frame(Bytes bytes, Direction direction);
// A request without type likewise.
PostgresFit check_postgres_startup(Bytes bytes);

// The text up to the next zero byte, which is passed over; ok() of the reader fails without one.
std::string_view take_postgres_text(Reader& reader);

// One part of an error or a notice.
struct PostgresReport {
  std::string_view severity, code, message;
};
// `body` may be cut.
PostgresReport read_postgres_report(Bytes body);

}  // namespace weir
