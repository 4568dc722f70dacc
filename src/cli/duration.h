// Durations on the command line: 500ms, 5s, 2m, 1h; a bare number is seconds.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace weir {

Result<Nanos> parse_duration(const std::string& text);

}  // namespace weir
