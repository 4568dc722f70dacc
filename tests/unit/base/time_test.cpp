#include "base/time.h"

#include <gtest/gtest.h>

#include <ctime>
#include <limits>
#include <random>

namespace weir {
namespace {

std::string rfc3339(Nanos time) {
  std::string out;
  append_rfc3339(out, time);
  return out;
}

// What the C library makes of it.
std::string by_strftime(Nanos time) {
  std::time_t seconds = time / kSecond;
  std::int64_t nanos = time % kSecond;
  if (nanos < 0) {
    nanos += kSecond;
    --seconds;
  }
  std::tm date{};
  gmtime_r(&seconds, &date);
  char text[32], all[48];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &date);
  std::snprintf(all, sizeof all, "%s.%09ldZ", text, static_cast<long>(nanos));
  return all;
}

TEST(Time, WritesRfc3339WithNanoseconds) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(rfc3339(1'751'805'411'498'096'950), "2025-07-06T12:36:51.498096950Z");
  EXPECT_EQ(rfc3339(951'782'399 * kSecond + 999'999'999), "2000-02-28T23:59:59.999999999Z");
  EXPECT_EQ(rfc3339(951'782'400 * kSecond), "2000-02-29T00:00:00.000000000Z");
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
}

TEST(Time, AgreesWithTheCLibraryOverItsWholeRange) {
  using Limits = std::numeric_limits<Nanos>;
  for (const Nanos time : {Limits::min(), Limits::max()}) {
    EXPECT_EQ(rfc3339(time), by_strftime(time));
  }
  std::mt19937_64 random(1);
  std::uniform_int_distribution<Nanos> any(Limits::min(), Limits::max());
  for (int i = 0; i < 100'000; ++i) {
    const Nanos time = any(random);
    ASSERT_EQ(rfc3339(time), by_strftime(time)) << time;
  }
}

TEST(Time, AppendsBehindWhatIsThere) {
  std::string out = "at ";
  append_rfc3339(out, 0);
  EXPECT_EQ(out, "at 1970-01-01T00:00:00.000000000Z");
}

}  // namespace
}  // namespace weir
