// OutputFormat: what -o takes.
#pragma once

#include <cstdint>

namespace weir {

enum class OutputFormat : std::uint8_t { kText, kJson, kNone };

}  // namespace weir
