#include "base/time.h"

#include <chrono>
#include <ctime>

namespace weir {
namespace {

constexpr Nanos kDay = 24 * 3600 * kSecond;

Nanos read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// With leading zeros.
void put_digits(char* out, std::int64_t value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

Nanos wall_clock_now() { return read_clock(CLOCK_REALTIME); }

Nanos monotonic_now() { return read_clock(CLOCK_MONOTONIC); }

void append_rfc3339(std::string& out, Nanos time) {
  // One of each record: calendar arithmetic into one piece of text, without gmtime_r and its lock.
  // Not by chrono::floor, which overflows on the first day that Nanos can hold.
  std::int64_t day = time / kDay;
  std::int64_t nanos = time % kDay;
  if (nanos < 0) {
    nanos += kDay;
    --day;
  }
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(day)}}};
  const std::int64_t seconds = nanos / kSecond;
  char text[] = "0000-00-00T00:00:00.000000000Z";
  put_digits(text, static_cast<int>(date.year()), 4);
  put_digits(text + 5, static_cast<unsigned>(date.month()), 2);
  put_digits(text + 8, static_cast<unsigned>(date.day()), 2);
  put_digits(text + 11, seconds / 3600, 2);
  put_digits(text + 14, seconds / 60 % 60, 2);
  put_digits(text + 17, seconds % 60, 2);
  put_digits(text + 20, nanos % kSecond, 9);
  out.append(text, sizeof text - 1);
}

}  // namespace weir
