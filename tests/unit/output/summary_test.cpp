#include "output/summary.h"

#include <gtest/gtest.h>

#include <thread>

#include "../record/sample_trip.h"
#include "output/fan_out.h"

namespace weir {
namespace {

using sample::HttpTrip;
using sample::Trip;

TEST(Summary, ProtocolsThenLedger) {
  RequestsMetrics metrics;
  for (int i = 0; i < 97; ++i) metrics.on(HttpTrip("GET", "/", 200));
  metrics.on(HttpTrip("GET", "/", 404));
  metrics.on(HttpTrip("GET", "/", 500));
  metrics.on(HttpTrip("GET", "/", 0));
  metrics.on(Trip(sample::kDns));
  RequestsCounters worker;
  worker.ledger.add(Count::kMatchSeen, 201);
  worker.ledger.add(Count::kMatchDelivered, 198);
  worker.ledger.add(Count::kMatchFilteredWhere, 1);
  worker.pending_match.set(1);
  RequestsReadings readings{{&metrics}, {&worker}, {}, {}};
  const std::string text =
      render_summary(RequestsTotals::read(readings.shards), readings.ledger(), true);
  EXPECT_TRUE(text.starts_with("dns                 1  errors 0 (0 %)  unanswered 0"));
  EXPECT_NE(text.find("\nhttp              100  errors 2 (2.00 %)  unanswered 1  p50 "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("max 5.00 ms  requests 11.8 kB  responses 50.9 kB\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("\nmatch        messages  seen 201  delivered 198  filtered 1 (where 1)  "
                      "lost 0  pending 1  unaccounted 1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\ncapture      packets   seen 0"), std::string::npos) << text;
}

TEST(Top, OrdersAndBounds) {
  Top top(4);
  for (int i = 0; i < 3; ++i) top.on(HttpTrip("GET", "/often", 200));
  HttpTrip slow("GET", "/slow", 200);
  slow.duration_ns = kSecond;
  top.on(slow);
  top.on(HttpTrip("GET", "/broken", 500));
  top.on(HttpTrip("GET", "/no-room", 200));
  top.on(HttpTrip("GET", "/none-either", 0));
  TopTable table;
  top.take(table);
  const auto by_time = table.first(TopOrder::kTotalTime, 10);
  ASSERT_EQ(by_time.size(), 4u);
  EXPECT_EQ(by_time[0].asked, "http GET /slow");
  EXPECT_EQ(by_time[0].max_ns, kSecond);
  const auto by_count = table.first(TopOrder::kCount, 2);
  ASSERT_EQ(by_count.size(), 2u);
  EXPECT_EQ(by_count[0].asked, "http GET /often");
  EXPECT_EQ(by_count[1].asked, Top::kOther);
  EXPECT_EQ(by_count[1].count, 2u);
  const auto by_errors = table.first(TopOrder::kErrors, 10);
  ASSERT_EQ(by_errors.size(), 2u);
  TopTable again;
  top.take(again);
  EXPECT_TRUE(again.first(TopOrder::kCount, 10).empty());
}

TEST(Top, TakenWhileWritten) {
  Top top;
  std::thread writer([&] {
    const HttpTrip trip("GET", "/", 200);
    for (int i = 0; i < 20'000; ++i) top.on(trip);
  });
  TopTable table;
  for (int i = 0; i < 20; ++i) top.take(table);
  writer.join();
  top.take(table);
  EXPECT_EQ(table.first(TopOrder::kCount, 1).at(0).count, 20'000u);
}

TEST(Top, RendersOneLinePerEntry) {
  Top top;
  top.on(HttpTrip("GET", "/x\x1b[0m", 500));
  TopTable table;
  top.take(table);
  const std::string text = render_top(table);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("top by errors\n"), std::string::npos);
  EXPECT_NE(text.find("http GET /x\\x1b[0m\n"), std::string::npos) << text;
  EXPECT_EQ(render_top(TopTable()), "");
}

TEST(FanOut, ReachesAll) {
  Top a, b;
  FanOut fan({&a, &b});
  fan.on(HttpTrip("GET", "/", 200));
  TopTable table;
  a.take(table);
  b.take(table);
  EXPECT_EQ(table.first(TopOrder::kCount, 1).at(0).count, 2u);
}

}  // namespace
}  // namespace weir
