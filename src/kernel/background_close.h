// Closing the link of an attached program makes the kernel wait until no processor runs it: some
// 10 ms each, one after the other. Nobody who ends a program waits for hundreds of them.
#pragma once

#include <vector>

#include "base/fd.h"

namespace weir {

// Leaves the closing to a process of its own that holds nothing else and ends when it is done.
// Where there can be none, it is done here.
void close_in_background(std::vector<Fd> descriptors);

}  // namespace weir
