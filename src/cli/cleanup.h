// weir cleanup: removes what a killed weir left behind: filters of the TC hook, on kernels
// below 6.6.
#pragma once

#include <ostream>

namespace weir {

// What was removed, one line each; the exit status.
int run_cleanup(bool json, std::ostream& out);

}  // namespace weir
