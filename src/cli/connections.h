// weir connections: every TCP connection, its owner and its health.
#pragma once

namespace CLI {
class App;
}

namespace weir {

// Adds the verb; its callback runs it and sets `status`.
void add_connections(CLI::App& app, int& status);

}  // namespace weir
