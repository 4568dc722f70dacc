#include "cli/dropin/go_duration.h"

#include <charconv>
#include <cmath>
#include <string>
#include <utility>

namespace weir {
namespace {

// Longest first, where one begins another.
constexpr std::pair<std::string_view, double> kUnits[] = {
    {"ns", 1},   {"us", 1e3}, {"\u00b5s", 1e3}, {"\u03bcs", 1e3},
    {"ms", 1e6}, {"m", 60e9}, {"s", 1e9},       {"h", 3600e9}};

}  // namespace

Result<Nanos> parse_go_duration(std::string_view text) {
  const auto wrong = [&] {
    return failure("invalid duration \"" + std::string(text) +
                   "\" (write it as 500ms, 5s or 1m30s)");
  };
  std::string_view rest = text;
  double sign = 1;
  if (rest.starts_with('-') || rest.starts_with('+')) {
    if (rest.front() == '-') sign = -1;
    rest.remove_prefix(1);
  }
  if (rest == "0") return Nanos{0};
  if (rest.empty()) return wrong();
  double nanos = 0;
  while (!rest.empty()) {
    const std::size_t digits = rest.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos) return wrong();
    double number = 0;
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + digits, number, std::chars_format::fixed);
    if (error != std::errc() || end != rest.data() + digits) return wrong();
    rest.remove_prefix(digits);
    const auto* unit = std::begin(kUnits);
    while (unit != std::end(kUnits) && !rest.starts_with(unit->first)) ++unit;
    if (unit == std::end(kUnits)) return wrong();
    rest.remove_prefix(unit->first.size());
    nanos += number * unit->second;
  }
  if (nanos > 9e18) return wrong();
  return static_cast<Nanos>(std::llround(sign * nanos));
}

}  // namespace weir
