#include "cli/duration.h"

#include <charconv>
#include <string_view>

namespace weir {

Result<Nanos> parse_duration(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  Nanos factor = 0;
  if (unit == "us") factor = kMicrosecond;
  if (unit == "ms") factor = kMillisecond;
  if (unit == "s" || unit.empty()) factor = kSecond;
  if (unit == "m") factor = 60 * kSecond;
  if (unit == "h") factor = 3600 * kSecond;
  // A century: what is longer is a slip, and would not fit.
  constexpr double kLongest = 100.0 * 366 * 86400 * 1e9;
  const double nanos = number * static_cast<double>(factor);
  if (error != std::errc() || factor == 0 || !(nanos >= 1) || nanos > kLongest) {
    return failure("'" + text + "' is no duration above 0: write it as 500ms, 5s, 2m or 1h");
  }
  return static_cast<Nanos>(nanos);
}

}  // namespace weir
