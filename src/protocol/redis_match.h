// Which bytes are Redis: at the start of a connection, and again after a loss.
#pragma once

#include "base/bytes.h"
#include "protocol/decoder.h"

namespace weir {

// Protocol::match over TCP.
Match match_redis(Bytes head, Direction direction);

// Where a request or reply may begin in `bytes` at or after `from`; bytes.size() when nowhere. What
// the end of `bytes` cuts off may be a beginning. `inline_commands`: this client types its
// commands.
std::size_t find_redis(Bytes bytes, Direction direction, std::size_t from, bool inline_commands);

}  // namespace weir
