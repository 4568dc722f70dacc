// Numbers as people read them: three significant digits and a unit.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace weir {

// "850 ns" is "0.85 µs"; "1.23 ms", "12.3 s". The number is right-aligned in 5 columns, the unit
// left-aligned in 2, so that lines stand under each other: 8 columns.
void append_duration(std::string& out, Nanos duration);

// The same without the padding.
std::string duration_text(Nanos duration);

// "512 B", "1.23 MB": powers of 1000.
std::string bytes_text(std::uint64_t bytes);

// "0", "0.25", "12.3", "1.23 k", "45.6 G": powers of 1000.
std::string number_text(double number);

// The local time of day: "20:08:23".
std::string clock_text(Nanos time);

}  // namespace weir
