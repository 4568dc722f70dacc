// weir requests: the round trips of applications, from files or the network.
#pragma once

namespace CLI {
class App;
}

namespace weir {

// Adds the verb; when it is chosen, it runs during the parse and leaves its exit status in
// `status`.
void add_requests(CLI::App& app, int& status);

}  // namespace weir
