// The options of a push: where series go to, and how.
#pragma once

#include <CLI/CLI.hpp>

#include "output/push_settings.h"

namespace weir {

// --push URL and --push-*. `what` is pushed.
void add_push(CLI::App& verb, PushSettings& settings, const std::string& what);

// In the verb's callback: takes the password from the environment, and throws where the settings
// are not ones to push with.
void finish_push(PushSettings& settings);

}  // namespace weir
