// Which bytes are HTTP/1: at the start of a connection, and again after a loss.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "protocol/decoder.h"

namespace weir {

// Protocol::match of HTTP/1 over TCP.
Match match_http_head(Bytes head, Direction direction);

// Where a head may begin in `bytes`; bytes.size() when nowhere. What the end of `bytes` cuts off
// may be a beginning.
std::size_t find_http_head(Bytes bytes, Direction direction);

// Whether semantic conventions name this method; every other one is "_OTHER" to them.
bool is_conventional_http_method(std::string_view method);

}  // namespace weir
