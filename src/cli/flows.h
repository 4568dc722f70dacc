// weir flows: who talks to whom, RDMA included.
#pragma once

namespace CLI {
class App;
}

namespace weir {

// Adds the verb; its callback runs it and sets `status`.
void add_flows(CLI::App& app, int& status);

}  // namespace weir
