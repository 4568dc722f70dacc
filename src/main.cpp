// weir: one binary, a verb per lens.
#include "cli/cli.h"

int main(int argc, char** argv) { return weir::run_command_line(argc, argv); }
