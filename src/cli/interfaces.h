// weir interfaces: what crosses each network interface.
#pragma once

namespace CLI {
class App;
}

namespace weir {

// Adds the verb; its callback runs it and sets `status`.
void add_interfaces(CLI::App& app, int& status);

}  // namespace weir
