// The names under which weir takes the place of another tool: called by such a name, or as
// `weir as NAME ...`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir {

// With the arguments behind the name; gives the exit status.
using Dropin = int (*)(const std::vector<std::string>& arguments);

// By the last part of a path; null where weir has no such name.
Dropin find_dropin(std::string_view path);

// For messages: "netprobe-agent, ...".
std::string dropin_names();

}  // namespace weir
