// What of a server's error message can be shown: not the values that it repeats.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace weir {

// `message`, or one put together in `room`, with a '?' in place of quoted values. Names of tables,
// columns and the like stay where the error's number says that it is these that are quoted.
std::string_view redact_mysql_error(std::uint16_t code, std::string_view message,
                                    std::span<char> room);

}  // namespace weir
