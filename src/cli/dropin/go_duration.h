// Durations as Go programs take them: 5s, 1m30s, 1.5s, 500ms; a bare number has no unit and is
// wrong.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace weir {

Result<Nanos> parse_go_duration(std::string_view text);

}  // namespace weir
