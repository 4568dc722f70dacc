// Options that several verbs have.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "agent/output_format.h"
#include "base/time.h"

namespace weir {

// Accepts what parse_duration() accepts, and stores it.
void add_duration(CLI::App& verb, const std::string& names, Nanos& target,
                  const std::string& description);
// -o text|json|none
void add_output_format(CLI::App& verb, OutputFormat& target);
// --count N, at least 1, of `what`; `more` ends the description.
void add_count(CLI::App& verb, std::uint64_t& target, const std::string& what,
               const std::string& more = "");

// --listen ADDRESS:PORT, checked.
void add_listen(CLI::App& verb, std::string& target);

}  // namespace weir
