// weir drops: what was thrown away, where and why.
#pragma once

namespace CLI {
class App;
}

namespace weir {

// Adds the verb; its callback runs it and sets `status`.
void add_drops(CLI::App& app, int& status);

}  // namespace weir
