#include "output/where.h"

#include <gtest/gtest.h>

#include "../record/sample_trip.h"

namespace weir {
namespace {

using sample::HttpTrip;
using sample::Trip;

constexpr std::string_view kAttributes[] = {
    "http.request.method", "url.path",      "http.response.status_code", "dns.answers",
    "db.operation.name",   "weir.repeated", "network.protocol.version"};

bool matches(std::string_view expression, const RoundTrip& trip) {
  const auto where = Where::parse(expression, kAttributes);
  if (!where) {
    ADD_FAILURE() << expression << ": " << where.error().text();
    return false;
  }
  return where->matches(trip);
}

std::string error_of(std::string_view expression) {
  const auto where = Where::parse(expression, kAttributes);
  return where ? "no error" : where.error().text();
}

TEST(Where, PropertiesOfEveryRecord) {
  const HttpTrip trip("GET", "/api/v1", 404);
  EXPECT_TRUE(matches("protocol=http", trip));
  EXPECT_TRUE(matches("protocol == http", trip));
  EXPECT_FALSE(matches("protocol!=http", trip));
  EXPECT_TRUE(matches("protocol~^ht", trip));
  EXPECT_TRUE(matches("status=error", trip));
  EXPECT_TRUE(matches("quality=complete and transport=tcp", trip));
  EXPECT_TRUE(matches("client.port=36654 && server.port<1024", trip));
  EXPECT_TRUE(matches("request.wire_bytes>=118", trip));
  EXPECT_FALSE(matches("response.size_bytes>255", trip));
}

TEST(Where, Durations) {
  const HttpTrip trip("GET", "/", 200);  // 5 ms
  EXPECT_TRUE(matches("latency>4ms", trip));
  EXPECT_TRUE(matches("duration = 5ms", trip));
  EXPECT_TRUE(matches("latency>=0.005s", trip));
  EXPECT_TRUE(matches("latency<=5000us", trip));
  EXPECT_TRUE(matches("latency<=5000µs", trip));
  EXPECT_FALSE(matches("latency<5000000ns", trip));
  EXPECT_NE(error_of("latency>5").find("is no duration"), std::string::npos);
  EXPECT_NE(error_of("latency>5min").find("is no duration"), std::string::npos);
  EXPECT_NE(error_of("latency>nan").find("is no duration"), std::string::npos);
  EXPECT_NE(error_of("latency>1e30s").find("is no duration"), std::string::npos);
}

TEST(Where, Addresses) {
  Trip trip(sample::kHttp);
  EXPECT_TRUE(matches("client=192.168.255.128", trip));
  EXPECT_TRUE(matches("client=192.168.255.128:36654", trip));
  EXPECT_FALSE(matches("client=192.168.255.128:1", trip));
  EXPECT_TRUE(matches("client=192.168.0.0/16", trip));
  EXPECT_TRUE(matches("client=192.168.254.0/23 and server!=10.0.0.0/8", trip));
  EXPECT_FALSE(matches("client=192.168.254.0/24", trip));
  EXPECT_TRUE(matches("client=0.0.0.0/0", trip));
  EXPECT_TRUE(matches("server.address=54.243.106.191", trip));
  EXPECT_TRUE(matches("server=:80", trip));
  trip.server = {sample::loopback6(), 8080};
  EXPECT_TRUE(matches("server=::1", trip));
  EXPECT_TRUE(matches("server=[::1]:8080", trip));
  EXPECT_FALSE(matches("server=[::1]:80", trip));
  EXPECT_TRUE(matches("server=::/64", trip));
  EXPECT_FALSE(matches("server=0.0.0.0/0", trip));
  for (const auto* bad : {"client=300.1.1.1", "client=1.2.3.4/33", "client=::/129", "client=x",
                          "client=[::1", "client=1.2.3.4:99999", "client<1.2.3.4", "client~1"}) {
    EXPECT_NE(error_of(bad), "no error") << bad;
  }
}

TEST(Where, Attributes) {
  const HttpTrip trip("GET", "/api/v1", 503);
  EXPECT_TRUE(matches("http.response.status_code>=500", trip));
  EXPECT_TRUE(matches("http.response.status_code~^5", trip));
  EXPECT_TRUE(matches("http.response.status_code!=200", trip));
  EXPECT_TRUE(matches("url.path~^/api", trip));
  EXPECT_TRUE(matches("url.path~^/(api|web)/", trip));
  EXPECT_TRUE(matches("(url.path~^/(api|web)/v1)", trip));
  EXPECT_FALSE(matches("url.path!~'^/api'", trip));
  EXPECT_TRUE(matches("url.path = \"/api/v1\"", trip));
  EXPECT_TRUE(matches("network.protocol.version>=1", trip));
  EXPECT_FALSE(matches("url.path>5", trip));
}

TEST(Where, AbsentAttributesHoldNothing) {
  const HttpTrip trip("GET", "/", 0);
  EXPECT_FALSE(matches("db.operation.name=GET", trip));
  EXPECT_FALSE(matches("db.operation.name!=GET", trip));
  EXPECT_TRUE(matches("not db.operation.name=GET", trip));
  EXPECT_TRUE(matches("url.path", trip));
  EXPECT_FALSE(matches("http.response.status_code", trip));
  EXPECT_FALSE(matches("response.wire_bytes>=0", trip));
}

TEST(Where, ListsAndBools) {
  Trip trip(sample::kDns);
  trip.answered.add(FieldValue::of(sample::kAnswers, std::string_view("10.0.0.1")));
  trip.answered.add(FieldValue::of(sample::kAnswers, std::string_view("10.0.0.2")));
  trip.asked.add(FieldValue::of(sample::kRepeated, std::int64_t{1}));
  EXPECT_TRUE(matches("dns.answers=10.0.0.2", trip));
  EXPECT_FALSE(matches("dns.answers!=10.0.0.2", trip));
  EXPECT_TRUE(matches("dns.answers!=10.0.0.3", trip));
  EXPECT_TRUE(matches("weir.repeated=true", trip));
  EXPECT_TRUE(matches("weir.repeated", trip));
  EXPECT_FALSE(matches("weir.repeated=false", trip));
}

TEST(Where, AndBindsTighterThanOr) {
  const HttpTrip trip("GET", "/", 200);
  EXPECT_TRUE(matches("status=ok or status=error and protocol=dns", trip));
  EXPECT_FALSE(matches("(status=ok or status=error) and protocol=dns", trip));
  EXPECT_TRUE(matches("not status=error and not (protocol=dns || protocol=redis)", trip));
  EXPECT_TRUE(matches("!status=error", trip));
}

TEST(Where, ErrorsSayWhereAndWhat) {
  EXPECT_NE(error_of("http.response.status>=500").find("did you mean http.response.status_code"),
            std::string::npos)
      << error_of("http.response.status>=500");
  EXPECT_NE(error_of("statsu=ok").find("did you mean status"), std::string::npos);
  EXPECT_NE(error_of("zzzzzzzzzz=1").find("docs/records.md"), std::string::npos);
  EXPECT_NE(error_of("status=failed").find("ok, error, unanswered, one_way"), std::string::npos);
  EXPECT_NE(error_of("url.path~(").find("regular expression"), std::string::npos);
  EXPECT_NE(error_of("status<ok").find("no number"), std::string::npos);
  EXPECT_NE(error_of("client.port=http").find("no number"), std::string::npos);
  for (const auto* bad : {"", "  ", "(", "()", "status", "status=", "status=ok)", "status=ok and",
                          "and", "status=ok status=ok", "(status=ok", "url.path='x", "=", "!"}) {
    EXPECT_NE(error_of(bad), "no error") << bad;
  }
  EXPECT_NE(error_of(std::string(100'000, '(')).find("too deeply"), std::string::npos);
}

TEST(WhereFilter, CountsMessagesAndForwards) {
  struct Probe : RecordSink {
    void on(const RoundTrip&) noexcept override { ++seen; }
    int seen = 0;
  } probe;
  Ledger ledger;
  auto where = Where::parse("status=ok", kAttributes);
  ASSERT_TRUE(where);
  WhereFilter filter(std::move(*where), probe, ledger);
  filter.on(HttpTrip("GET", "/", 200));
  filter.on(HttpTrip("GET", "/", 500));
  filter.on(HttpTrip("GET", "/", 0));
  EXPECT_EQ(probe.seen, 1);
  EXPECT_EQ(ledger.get(Count::kMatchDelivered), 2u);
  EXPECT_EQ(ledger.get(Count::kMatchFilteredWhere), 3u);
  WhereFilter everything(std::nullopt, probe, ledger);
  everything.on(HttpTrip("GET", "/", 0));
  EXPECT_EQ(probe.seen, 2);
  EXPECT_EQ(ledger.get(Count::kMatchDelivered), 3u);
}

}  // namespace
}  // namespace weir
