#include "output/units.h"

#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <iterator>
#include <string_view>

namespace weir {
namespace {

struct Scaled {
  double value;
  std::string_view unit;
};

Scaled scaled(Nanos duration) {
  const auto value = static_cast<double>(duration);
  // The limits are those where three digits round up to the next unit.
  if (value < 999.5e3) return {value / 1e3, "µs"};
  if (value < 999.5e6) return {value / 1e6, "ms"};
  return {value / 1e9, "s"};
}

int decimals(double value) {
  if (value < 9.995) return 2;
  return value < 99.95 ? 1 : 0;
}

}  // namespace

void append_duration(std::string& out, Nanos duration) {
  const Scaled s = scaled(duration);
  fmt::format_to(std::back_inserter(out), "{:5.{}f} {:<2}", s.value, decimals(s.value), s.unit);
}

std::string duration_text(Nanos duration) {
  const Scaled s = scaled(duration);
  return fmt::format("{:.{}f} {}", s.value, decimals(s.value), s.unit);
}

std::string bytes_text(std::uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, decimals(value), kUnits[unit]);
}

std::string number_text(double number) {
  static constexpr std::string_view kUnits[] = {"", " k", " M", " G", " T", " P", " E"};
  std::size_t unit = 0;
  while (number >= 999.5 && unit + 1 < std::size(kUnits)) {
    number /= 1000;
    ++unit;
  }
  if (number == std::floor(number) && unit == 0) return fmt::format("{:.0f}", number);
  return fmt::format("{:.{}f}{}", number, decimals(number), kUnits[unit]);
}

std::string clock_text(Nanos time) {
  const auto seconds = static_cast<std::time_t>(time / kSecond);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

}  // namespace weir
