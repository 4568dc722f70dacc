// weir doctor: what this kernel and these privileges allow, and how to get the rest.
#pragma once

#include <ostream>

namespace weir {

// One line per check; with `json` one object per line:
//   lens, check (a fixed name), status (ok, limited, missing), detail, advice (what to do; absent
//   where there is nothing to do). lens is host for what all of them stand on.
// Returns the exit status: 0 when every lens works live, else 1.
int run_doctor(bool json, std::ostream& out);

}  // namespace weir
