#include "base/time.h"

#include <ctime>

namespace weir {
namespace {

Nanos read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

void append_digits(std::string& out, std::int64_t value, int width) {
  char text[20];
  for (int i = width - 1; i >= 0; --i) {
    text[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(text, static_cast<std::size_t>(width));
}

}  // namespace

Nanos wall_clock_now() { return read_clock(CLOCK_REALTIME); }

Nanos monotonic_now() { return read_clock(CLOCK_MONOTONIC); }

void append_rfc3339(std::string& out, Nanos time) {
  std::int64_t seconds = time / kSecond;
  std::int64_t nanos = time % kSecond;
  if (nanos < 0) {
    nanos += kSecond;
    --seconds;
  }
  const std::time_t clock = seconds;
  std::tm date{};
  gmtime_r(&clock, &date);
  append_digits(out, date.tm_year + 1900, 4);
  out += '-';
  append_digits(out, date.tm_mon + 1, 2);
  out += '-';
  append_digits(out, date.tm_mday, 2);
  out += 'T';
  append_digits(out, date.tm_hour, 2);
  out += ':';
  append_digits(out, date.tm_min, 2);
  out += ':';
  append_digits(out, date.tm_sec, 2);
  out += '.';
  append_digits(out, nanos, 9);
  out += 'Z';
}

}  // namespace weir
