// The command line: a verb and its flags.
#pragma once

namespace weir {

// The exit status: 0 done, 1 failed, 2 usage.
int run_command_line(int argc, char** argv);

}  // namespace weir
