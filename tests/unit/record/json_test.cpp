#include "record/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "record/utf8.h"
#include "sample_trip.h"

namespace weir {
namespace {

using sample::HttpTrip;
using sample::Trip;

std::string json_of(const RoundTrip& trip) {
  std::string out;
  append_json(out, trip);
  return out;
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(Json, WritesARoundTripAsDocumented) {
  const HttpTrip trip("GET", "/get", 200);
  EXPECT_EQ(json_of(trip),
            R"({"lens":"requests","time":"2025-07-06T12:36:51.498096950Z","protocol":"http",)"
            R"("transport":"tcp","client":{"address":"192.168.255.128","port":36654},)"
            R"("server":{"address":"54.243.106.191","port":80},"duration_ns":5000000,)"
            R"("status":"ok","quality":"complete",)"
            R"("request":{"size_bytes":0,"wire_bytes":118,"end_ns":21000},)"
            R"("response":{"size_bytes":255,"wire_bytes":514,"first_byte_ns":4000000},)"
            R"("attributes":{"http.request.method":"GET","url.path":"/get",)"
            R"("network.protocol.version":"1.1","http.response.status_code":200}})");
}

TEST(Json, AppendsBehindWhatIsThere) {
  const HttpTrip trip("GET", "/", 200);
  std::string out = "before\n";
  append_json(out, trip);
  EXPECT_TRUE(out.starts_with("before\n{\"lens\""));
}

TEST(Json, UnansweredHasNoResponse) {
  const HttpTrip trip("GET", "/", 0);
  const auto json = nlohmann::json::parse(json_of(trip));
  EXPECT_TRUE(json.at("response").is_null());
  EXPECT_EQ(json.at("status"), "unanswered");
  EXPECT_EQ(json.at("request").at("wire_bytes"), 118);
}

TEST(Json, UnpairedHasNoRequestAndBeginsWithItsResponse) {
  Trip trip(sample::kRedis);
  trip.request.reset();
  trip.response->first = trip.time;
  const auto json = nlohmann::json::parse(json_of(trip));
  EXPECT_TRUE(json.at("request").is_null());
  EXPECT_EQ(json.at("response").at("first_byte_ns"), 0);
}

TEST(Json, AbsentSizeIsAbsent) {
  Trip trip(sample::kRedis);
  trip.request->size_bytes.reset();
  const auto json = nlohmann::json::parse(json_of(trip));
  EXPECT_FALSE(json.at("request").contains("size_bytes"));
  EXPECT_EQ(json.at("response").at("size_bytes"), 255);
}

TEST(Json, Ipv6AndMappedAddresses) {
  Trip trip(sample::kHttp);
  trip.server = {sample::loopback6(), 8080};
  const auto json = nlohmann::json::parse(json_of(trip));
  EXPECT_EQ(json.at("server").at("address"), "::1");
  EXPECT_EQ(json.at("client").at("address"), "192.168.255.128");
}

TEST(Json, ListsBoolsAndQuality) {
  Trip trip(sample::kDns);
  trip.transport = Transport::kUdp;
  trip.quality = Quality::kLateJoin;
  trip.asked.add(FieldValue::of(sample::kRepeated, std::int64_t{1}));
  trip.answered.add(FieldValue::of(sample::kAnswers, std::string_view("10.0.0.1")));
  trip.answered.add(FieldValue::of(sample::kAnswers, std::string_view("10.0.0.2")));
  trip.answered.add(FieldValue::of(sample::kRcode, std::string_view("NOERROR")));
  const auto json = nlohmann::json::parse(json_of(trip));
  EXPECT_EQ(json.at("transport"), "udp");
  EXPECT_EQ(json.at("quality"), "late_join");
  EXPECT_EQ(json.at("attributes").dump(),
            R"({"dns.answers":["10.0.0.1","10.0.0.2"],"dns.response.code":"NOERROR",)"
            R"("weir.repeated":true})");
}

TEST(Json, NoNameTwiceTheRequestsWins) {
  Trip trip(sample::kDns);
  static constexpr Field kSameName{"dns.question.name", FieldType::kText};
  trip.asked.add(FieldValue::of(sample::kName, std::string_view("a.example")));
  trip.asked.add(FieldValue::of(sample::kName, std::string_view("again.example")));
  trip.answered.add(FieldValue::of(kSameName, std::string_view("b.example")));
  trip.asked.add(FieldValue::of(sample::kAnswers, std::string_view("x")));
  trip.answered.add(FieldValue::of(sample::kAnswers, std::string_view("y")));
  trip.answered.add(FieldValue::of(sample::kAnswers, std::string_view("z")));
  const std::string json = json_of(trip);
  EXPECT_TRUE(json.ends_with(R"("attributes":{"dns.question.name":"a.example",)"
                             R"("dns.answers":["x"]}})"))
      << json;
}

TEST(Json, ManyNamesAreKeptApart) {
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("weir.field" + std::to_string(i));
  std::vector<Field> fields;
  for (const auto& name : names) fields.push_back({name, FieldType::kInt});
  Trip trip(sample::kHttp);
  for (std::size_t i = 0; i < 100; ++i) trip.asked.add(FieldValue::of(fields[i], std::int64_t{1}));
  for (const auto& field : fields) trip.answered.add(FieldValue::of(field, std::int64_t{2}));
  const auto json = nlohmann::json::parse(json_of(trip)).at("attributes");
  ASSERT_EQ(json.size(), 200u);
  EXPECT_EQ(json.at("weir.field99"), 1);
  EXPECT_EQ(json.at("weir.field100"), 2);
}

TEST(Json, EscapesWhatJsonReserves) {
  EXPECT_EQ(json_string("a\"b\\c\n\r\t\x01\x1f/"), R"("a\"b\\c\n\r\t\u0001\u001f/")");
  EXPECT_EQ(json_string(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(json_string(""), "\"\"");
  EXPECT_EQ(json_string({}), "\"\"");
}

TEST(Json, KeepsUtf8AndEscapesOtherBytesEachByItself) {
  EXPECT_EQ(json_string("grüße €😀"), "\"grüße €😀\"");
  EXPECT_EQ(json_string("\xff"), R"("\u00ff")");
  EXPECT_EQ(json_string("a\xc3"), R"("a\u00c3")");                    // cut off
  EXPECT_EQ(json_string("\xc0\xaf"), R"("\u00c0\u00af")");            // overlong
  EXPECT_EQ(json_string("\xed\xa0\x80"), R"("\u00ed\u00a0\u0080")");  // surrogate
  EXPECT_EQ(json_string("\xf4\x90\x80\x80x"), R"("\u00f4\u0090\u0080\u0080x")");
  EXPECT_EQ(json_string("\xe2\x82z"), R"("\u00e2\u0082z")");
}

TEST(Json, EveryTwoBytesGiveValidJson) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const char text[] = {static_cast<char>(a), static_cast<char>(b)};
      EXPECT_TRUE(nlohmann::json::accept(json_string({text, 2}))) << a << ' ' << b;
    }
  }
}

TEST(Utf8, LengthsAndCodePoints) {
  EXPECT_EQ(utf8_length(""), 0u);
  EXPECT_EQ(utf8_length("a"), 1u);
  EXPECT_EQ(utf8_length("é"), 2u);
  EXPECT_EQ(utf8_length("€"), 3u);
  EXPECT_EQ(utf8_length("😀"), 4u);
  EXPECT_EQ(utf8_length("\x80"), 0u);
  EXPECT_EQ(utf8_length("\xe0\x9f\x80"), 0u);
  EXPECT_EQ(utf8_length("\xf0\x8f\x80\x80"), 0u);
  EXPECT_EQ(utf8_length("\xf5\x80\x80\x80"), 0u);
  EXPECT_EQ(utf8_code_point("€", 3), U'€');
  EXPECT_EQ(utf8_code_point("😀", 4), U'😀');
  std::string out;
  append_utf8(out, "a\xff€");
  EXPECT_EQ(out, "a\xef\xbf\xbd€");
}

}  // namespace
}  // namespace weir
