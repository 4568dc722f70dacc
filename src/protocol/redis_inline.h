// Inline commands: a line of words, as people type them.
#pragma once

#include <string>
#include <string_view>

#include "protocol/redis_commands.h"

namespace weir {

// Takes a line (without its end) apart as the server does, quotes and their escapes resolved, and
// adds its words to `command`. False where quotes do not match or the line is no text: the server
// closes such a connection. `word` is room to work in.
bool read_inline_command(std::string_view line, RedisCommand& command, std::string& word);

}  // namespace weir
