#include "output/text.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "../record/sample_trip.h"
#include "base/fd.h"
#include "output/json_lines.h"
#include "output/printable.h"
#include "output/units.h"

namespace weir {
namespace {

using sample::HttpTrip;
using sample::Trip;

class TextTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }

  template <class Writer, class... Arguments>
  static std::string write(const std::vector<const RoundTrip*>& trips, Arguments... arguments) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    const Fd read(ends[0]), write_end(ends[1]);
    RecordQueue queue({.fd = write_end.get()});
    Writer writer(queue.lines(), arguments...);
    for (const RoundTrip* trip : trips) writer.on(*trip);
    writer.flush();
    EXPECT_TRUE(queue.finish(std::chrono::seconds(5)));
    char buffer[16384];
    const ssize_t size = ::read(read.get(), buffer, sizeof buffer);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

  static std::string text_of(const RoundTrip& trip, bool colour = false) {
    return write<Text>({&trip}, std::make_shared<TextStyle>(colour, 20));
  }
};

TEST_F(TextTest, OneAlignedLine) {
  EXPECT_EQ(text_of(HttpTrip("GET", "/index.html", 200)),
            "12:36:51.498  192.168.255.128:36654 → 54.243.106.191:80      http        "
            "GET /index.html       200            5.00 ms\n");
}

TEST_F(TextTest, LocalTime) {
  setenv("TZ", "UTC-2", 1);
  tzset();
  EXPECT_TRUE(text_of(HttpTrip("GET", "/", 200)).starts_with("14:36:51.498"));
}

TEST_F(TextTest, ColumnsGrowWithIpv6AndStay) {
  Trip wide(sample::kHttp);
  const std::uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78,
                                  0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78};
  wide.client = {IpAddress::v6(bytes), 40000};
  wide.server = {sample::loopback6(), 80};
  const HttpTrip narrow("GET", "/", 200);
  const std::string text = write<Text>({&wide, &narrow}, std::make_shared<TextStyle>(false, 20));
  const std::string first = text.substr(0, text.find('\n'));
  const std::string second = text.substr(text.find('\n') + 1);
  EXPECT_NE(first.find("[2001:db8:1234:5678:9abc:def0:1234:5678]:40000 → [::1]:80"),
            std::string::npos);
  EXPECT_EQ(first.find("→"), second.find("→"));
  EXPECT_EQ(first.find(" http "), second.find(" http "));
}

TEST_F(TextTest, StatusQualityAndMissingParts) {
  HttpTrip unanswered("GET", "/", 0);
  unanswered.quality = Quality::kGap;
  EXPECT_NE(text_of(unanswered).find("unanswered     5.00 ms  (gap)\n"), std::string::npos);
  Trip push(sample::kRedis);
  push.request.reset();
  EXPECT_NE(text_of(push).find("redis       -                     ok                -"),
            std::string::npos)
      << text_of(push);
}

TEST_F(TextTest, ColoursOnlyWhenAsked) {
  const HttpTrip error("GET", "/", 500);
  EXPECT_EQ(text_of(error).find('\x1b'), std::string::npos);
  EXPECT_NE(text_of(error, true).find("\x1b[31m"), std::string::npos);
  EXPECT_NE(text_of(HttpTrip("GET", "/", 0), true).find("\x1b[33m"), std::string::npos);
  HttpTrip slow("GET", "/", 200);
  EXPECT_EQ(text_of(slow, true).find('\x1b'), std::string::npos);
  slow.duration_ns = 2 * kSecond;
  EXPECT_NE(text_of(slow, true).find("\x1b[1m"), std::string::npos);
  EXPECT_NE(text_of(slow, true).find("\x1b[0m\n"), std::string::npos);
}

TEST_F(TextTest, HeaderStandsOverTheColumns) {
  const TextStyle style(false, 20);
  const std::string header = style.header();
  const std::string line = text_of(HttpTrip("GET", "/index.html", 200));
  EXPECT_EQ(header.find("→"), line.find("→"));
  EXPECT_EQ(header.find("PROTOCOL"), line.find("http "));
  EXPECT_EQ(header.find("ASKED"), line.find("GET"));
  EXPECT_EQ(header.find("ANSWER"), line.find("200 "));
}

TEST_F(TextTest, NotATerminalHasNoColour) {
  const Fd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  EXPECT_FALSE(TextStyle::for_output(null.get())->colour());
}

TEST_F(TextTest, JsonLinesAreOneObjectPerLine) {
  const HttpTrip a("GET", "/a\n", 200), b("GET", "/b", 200);
  const std::string text = write<JsonLines>({&a, &b});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_TRUE(text.starts_with("{\"lens\":"));
  EXPECT_TRUE(text.ends_with("}}\n"));
}

std::string printable(std::string_view text, std::size_t columns) {
  std::string out;
  const std::size_t used = append_printable(out, text, columns);
  EXPECT_LE(used, columns);
  return out;
}

TEST(Printable, MakesControlsHarmless) {
  EXPECT_EQ(printable("a\x1b[31mb", 40), "a\\x1b[31mb");
  EXPECT_EQ(printable("\r\n\x7f", 40), "\\x0d\\x0a\\x7f");
  EXPECT_EQ(printable("\xc2\x9b", 40), "\\xc2\\x9b");           // C1 CSI
  EXPECT_EQ(printable("\xe2\x80\xae", 40), "\\xe2\\x80\\xae");  // right-to-left override
  EXPECT_EQ(printable("\xff\x9b", 40), "\\xff\\x9b");
  EXPECT_EQ(printable("grüße", 40), "grüße");
}

TEST(Printable, CutsAtColumnsNotBytes) {
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdefg", 6), "abcde…");
  EXPECT_EQ(printable("ääääääää", 4), "äää…");
  EXPECT_EQ(printable("漢字漢字", 5), "漢字…");
  EXPECT_EQ(printable("漢字漢字", 4), "漢…");
  EXPECT_EQ(printable("ab\x1b", 4), "ab…");
  EXPECT_EQ(printable("abc", 1), "…");
  EXPECT_EQ(printable("abc", 0), "");
}

TEST(Units, ThreeDigits) {
  EXPECT_EQ(duration_text(850), "0.85 µs");
  EXPECT_EQ(duration_text(12'345), "12.3 µs");
  EXPECT_EQ(duration_text(123'456), "123 µs");
  EXPECT_EQ(duration_text(999'600), "1.00 ms");
  EXPECT_EQ(duration_text(1'234'000'000), "1.23 s");
  EXPECT_EQ(duration_text(0), "0.00 µs");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1234), "1.23 kB");
  EXPECT_EQ(bytes_text(999'999), "1.00 MB");
  EXPECT_EQ(bytes_text(UINT64_MAX), "18.4 EB");
}

}  // namespace
}  // namespace weir
