// Printable text: wire data as it may be shown on a terminal. Control characters, bidirectional
// overrides and broken UTF-8 are shown as escapes, so that no record can command the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "record/round_trip.h"

namespace weir {

// Appends at most `max_columns` terminal columns of `text`, ending in an ellipsis where it is cut.
// Returns how many columns were used.
std::size_t append_printable(std::string& out, std::string_view text, std::size_t max_columns);

// What was asked, as the protocol's vocabulary says: "GET /index.html". Returns the columns used; 0
// when the record does not say.
std::size_t append_asked(std::string& out, const RoundTrip& trip, std::size_t max_columns);

// The answer ("404"), or the status where there is none.
std::size_t append_answer(std::string& out, const RoundTrip& trip, std::size_t max_columns);

}  // namespace weir
