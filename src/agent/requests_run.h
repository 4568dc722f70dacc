// The requests lens at work: from files or the network to the outputs, until the end of the input,
// a signal, a limit, or an error.
#pragma once

#include "agent/requests_settings.h"
#include "base/result.h"

namespace weir {

// Whether what the user wrote can be understood: expressions, rules, addresses.
Result<> check_settings(const RequestsSettings& settings);

// Blocks. Takes SIGINT and SIGTERM. What was captured until an error has been reported when it
// returns one.
Result<> run_requests(const RequestsSettings& settings);

}  // namespace weir
