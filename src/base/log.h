// One line on stderr per call; records go to stdout. Never on the packet path.
#pragma once

#include <string_view>

namespace weir {

void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

}  // namespace weir
