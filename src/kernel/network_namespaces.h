// Every network namespace that some process is in.
#pragma once

#include <functional>

#include "base/result.h"

namespace weir {

// Calls `visit` inside each of them, once, on a thread of its own that ends before this returns. Of
// those that may not be entered (CAP_SYS_ADMIN) or known (CAP_SYS_PTRACE), and of processes that
// end meanwhile, nothing is visited; this process's own always is. `skipped` (may be null): how
// many could not be entered, at least.
void in_network_namespaces(const std::function<void()>& visit, std::size_t* skipped);

}  // namespace weir
