#include "output/push.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "output/push_metrics.h"
#include "output/push_round.h"
#include "output/push_transfer.h"
#include "remote_write_reader.h"
#include "unit/output/push_server.h"

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

PushSettings quick(std::string url) {
  return {.url = std::move(url),
          .timeout = 2 * kSecond,
          .least_delay = 5 * kMillisecond,
          .most_delay = 20 * kMillisecond};
}

std::unique_ptr<Push> started(PushSettings settings) {
  auto push = Push::start(std::move(settings));
  EXPECT_TRUE(push) << (push ? "" : push.error().text());
  return std::move(*push);
}

// Where nobody listens.
std::string dead_url() {
  PushServer gone([](auto, auto&) {});
  return gone.url();
}

template <class Condition>
bool soon(Condition condition, milliseconds patience = milliseconds{5000}) {
  const auto end = steady_clock::now() + patience;
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds{2});
  }
  return true;
}

void expect_counts(const Push& push, std::uint64_t seen, std::uint64_t delivered,
                   std::uint64_t overflow, std::uint64_t rejected, std::uint64_t closed) {
  const PushReadings readings = push.readings();
  EXPECT_EQ(readings.ledger.get(Count::kPushSeen), seen);
  EXPECT_EQ(readings.ledger.get(Count::kPushDelivered), delivered);
  EXPECT_EQ(readings.ledger.get(Count::kPushLostOverflow), overflow);
  EXPECT_EQ(readings.ledger.get(Count::kPushLostRejected), rejected);
  EXPECT_EQ(readings.ledger.get(Count::kPushLostClosed), closed);
  EXPECT_EQ(readings.ledger.unaccounted(Stage::kPush), 0);
}

TEST(PushSettings, ProtocolByUrl) {
  EXPECT_EQ(push_protocol("http://h:9090/api/v1/write"), PushProtocol::kRemoteWrite);
  EXPECT_EQ(push_protocol("http://h/insert/0/prometheus/api/v1/write?x=1"),
            PushProtocol::kRemoteWrite);
  EXPECT_EQ(push_protocol("http://h:8428/api/v1/import/prometheus"), PushProtocol::kTextImport);
  EXPECT_EQ(push_form("http://h/api/v1/write"), SeriesSet::Form::kRemoteWrite);
}

TEST(PushSettings, CredentialsOfTheUrlAreUsedButNotShown) {
  const auto target =
      check_push_settings({.url = "https://me:se%40cret@h.example:1/api/v1/write?token=abc#f"});
  ASSERT_TRUE(target);
  EXPECT_EQ(target->user, "me");
  EXPECT_EQ(target->password, "se@cret");
  EXPECT_EQ(target->url, "https://h.example:1/api/v1/write?token=abc");
  EXPECT_EQ(target->shown, "https://h.example:1/api/v1/write");
}

TEST(PushSettings, WhatCannotBeIsRefusedWithoutCredentials) {
  const std::vector<PushSettings> wrong{
      {.url = "http://me:secret@h:port/"},
      {.url = ""},
      {.url = "ftp://me:secret@h/"},
      {.url = "http://me:secret@h/", .headers = {"X: secret\r\nY: 1"}},
      {.url = "http://h/", .headers = {"secret"}},
      {.url = "http://h/", .headers = {"Na me: secret"}},
      {.url = "http://h/", .user = "me", .bearer_token = "secret"},
      {.url = "http://h/", .user = "a:b", .password = "secret"},
      {.url = "http://h/", .bearer_token = "secret\n"},
      {.url = "http://h/", .ca_file = "/nonexistent"},
      {.url = "http://h/", .bearer_token_file = "/nonexistent"},
      {.url = "http://h/", .timeout = 0}};
  for (const PushSettings& settings : wrong) {
    const auto target = check_push_settings(settings);
    ASSERT_FALSE(target) << settings.url;
    EXPECT_EQ(target.error().text().find("secret"), std::string::npos) << target.error().text();
  }
}

TEST(PushTransfer, AnAnswerIsShownWithoutCredentialsAndControlCharacters) {
  const std::vector<std::string> secrets{"hunter2", "", "abc"};
  EXPECT_EQ(shown_answer("you sent hunter2, abc\n\n", secrets), "you sent ***, abc");
  EXPECT_EQ(shown_answer("hunter2hunter2", secrets), "******");
  EXPECT_EQ(shown_answer("the end is hunte", secrets), "the end is ***");
  EXPECT_EQ(shown_answer("a\x1b[2Jb", {}).find('\x1b'), std::string::npos);
  EXPECT_LE(shown_answer(std::string(100'000, 'x'), {}).size(), 210u);
  EXPECT_EQ(shown_answer(std::string(198, ' ') + "hunter2 ", secrets).find("hu"),
            std::string::npos);
}

TEST(Push, RemoteWriteAsSpecified) {
  PushServer server([](auto, auto&) {});
  auto push = started(quick(server.url()));
  SeriesSet set(push_form(server.url()));
  set.set(*set.add(set.family("m", "gauge", ""), std::vector<SeriesLabel>{{"a", "b"}}), 4);
  push_round(set, 1'700'000'000 * kSecond, *push);
  push->stop(milliseconds{3000});
  expect_counts(*push, 1, 1, 0, 0, 0);
  const auto seen = server.seen();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].path, "/api/v1/write");
  const auto header = [&](const char* name) { return seen[0].headers.find(name)->second; };
  EXPECT_EQ(header("Content-Type"), "application/x-protobuf");
  EXPECT_EQ(header("Content-Encoding"), "snappy");
  EXPECT_EQ(header("X-Prometheus-Remote-Write-Version"), "0.1.0");
  EXPECT_EQ(header("User-Agent"), "weir");
  EXPECT_EQ(seen[0].headers.count("Expect"), 0u);
  EXPECT_EQ(seen[0].headers.count("Authorization"), 0u);
  const auto samples = read_remote_write(seen[0].body);
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples[0].series, "m{a=\"b\"}");
  EXPECT_EQ(samples[0].milliseconds, 1'700'000'000'000);
}

TEST(Push, TextIsCompressedAndHasItsTime) {
  PushServer server([](auto, auto&) {});
  const std::string url = server.url("/api/v1/import/prometheus");
  auto push = started(quick(url));
  SeriesSet set(push_form(url));
  set.set(*set.add(set.family("m", "gauge", ""), std::vector<SeriesLabel>{{"a", "b"}}), 4);
  push_round(set, 1'700'000'000 * kSecond, *push);
  push->stop(milliseconds{3000});
  const auto seen = server.seen();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].headers.find("Content-Type")->second, "text/plain");
  EXPECT_EQ(seen[0].headers.find("Content-Encoding")->second, "gzip");
  EXPECT_EQ(seen[0].body, "m{a=\"b\"} 4 1700000000000\n");  // decompressed by the server
}

TEST(Push, SaysWhoItIs) {
  PushServer server([](auto, auto&) {});
  const auto authorization = [&](PushSettings settings) {
    auto push = started(std::move(settings));
    push->submit("x", 1);
    push->stop(milliseconds{3000});
    return server.seen().back().headers.find("Authorization")->second;
  };
  PushSettings basic = quick(server.url());
  basic.user = "Aladdin";
  basic.password = "open sesame";
  basic.headers = {"X-Scope-OrgID: weir"};
  EXPECT_EQ(authorization(basic), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ(server.seen().back().headers.find("X-Scope-OrgID")->second, "weir");
  PushSettings bearer = quick(server.url());
  bearer.bearer_token = "t0ken";
  EXPECT_EQ(authorization(bearer), "Bearer t0ken");
  const std::string url = server.url();
  EXPECT_EQ(authorization(quick("http://Aladdin:open%20sesame@" + url.substr(7))),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(Push, ATokenFileIsReadEachTime) {
  const std::string file =
      std::filesystem::temp_directory_path() / ("push_test_token." + std::to_string(getpid()));
  const auto write = [&](const char* text) { std::ofstream(file) << text; };
  PushServer server([](auto, auto&) {});
  PushSettings settings = quick(server.url());
  settings.bearer_token_file = file;
  write("one\n");
  auto push = started(settings);
  push->submit("x", 1);
  ASSERT_TRUE(soon([&] { return server.seen().size() == 1; }));
  write("  two  \nthree\n");
  push->submit("x", 1);
  ASSERT_TRUE(soon([&] { return server.seen().size() == 2; }));
  std::filesystem::remove(file);
  push->submit("x", 1);
  ASSERT_TRUE(soon([&] { return push->readings().requests[0] >= 2; }));
  EXPECT_EQ(push->readings().queue_requests, 1u);  // waits for the file
  write("four");
  push->stop(milliseconds{3000});
  std::filesystem::remove(file);
  const auto seen = server.seen();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[2].headers.find("Authorization")->second, "Bearer four");
  EXPECT_EQ(seen[0].headers.find("Authorization")->second, "Bearer one");
  EXPECT_EQ(seen[1].headers.find("Authorization")->second, "Bearer two");
}

TEST(Push, TakesNoProxyFromTheEnvironment) {
  PushServer server([](auto, auto&) {});
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  auto push = started(quick(server.url()));
  push->submit("x", 1);
  push->stop(milliseconds{3000});
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
  expect_counts(*push, 1, 1, 0, 0, 0);
}

TEST(Push, TroubleIsWaitedForInOrder) {
  PushServer server([](std::size_t n, httplib::Response& response) {
    constexpr int kAnswers[] = {500, 503, 429, 200, 502};
    response.status = n < std::size(kAnswers) ? kAnswers[n] : 202;
  });
  auto push = started(quick(server.url()));
  for (int i = 0; i < 5; ++i) push->submit(std::to_string(i), 10);
  ASSERT_TRUE(soon([&] { return push->readings().ledger.get(Count::kPushDelivered) == 50; }));
  std::string order;
  for (const auto& seen : server.seen()) order += seen.body;
  EXPECT_EQ(order, "000011234");
  const PushReadings readings = push->readings();
  EXPECT_EQ(readings.requests, (std::map<int, std::uint64_t>{
                                   {200, 1}, {202, 4}, {429, 1}, {500, 1}, {502, 1}, {503, 1}}));
  EXPECT_EQ(readings.retried_samples, 40u);
  EXPECT_EQ(readings.queue_bytes, 0u);
  EXPECT_EQ(readings.sent_bytes, 5u);
  EXPECT_GT(readings.last_success, 0);
  expect_counts(*push, 50, 50, 0, 0, 0);
}

TEST(Push, WaitsAsLongAsItIsAskedTo) {
  PushServer server([](std::size_t n, httplib::Response& response) {
    if (n > 0) return;
    response.status = 429;
    response.set_header("Retry-After", "1");
  });
  auto push = started(quick(server.url()));
  push->submit("x", 1);
  ASSERT_TRUE(soon([&] { return server.seen().size() == 2; }));
  const auto seen = server.seen();
  EXPECT_GE(seen[1].when - seen[0].when, milliseconds{1000});
}

TEST(Push, WhatIsRefusedIsDropped) {
  PushServer server([](std::size_t n, httplib::Response& response) {
    constexpr int kAnswers[] = {400, 401, 404, 301};
    if (n < std::size(kAnswers)) response.status = kAnswers[n];
    response.set_header("Location", "/elsewhere");
  });
  auto push = started(quick(server.url()));
  for (int i = 0; i < 5; ++i) push->submit(std::to_string(i), 10);
  ASSERT_TRUE(soon([&] { return push->readings().queue_requests == 0; }));
  EXPECT_EQ(server.seen().size(), 5u);
  expect_counts(*push, 50, 10, 0, 40, 0);
}

TEST(Push, TheOldestGoesWhenTheQueueIsFull) {
  PushSettings settings = quick(dead_url());
  settings.queue_bytes = 10'000;
  auto push = started(settings);
  for (int i = 0; i < 100; ++i) {
    const auto begin = steady_clock::now();
    push->submit(std::string(1000, 'x'), 7);
    EXPECT_LT(steady_clock::now() - begin, milliseconds{50});
  }
  const PushReadings readings = push->readings();
  EXPECT_EQ(readings.ledger.unaccounted(Stage::kPush), 0);
  EXPECT_GE(readings.ledger.get(Count::kPushLostOverflow), 90u * 7);
  EXPECT_LE(readings.queue_bytes, 10'000u + 1128u);  // one may be under way
  push->submit(std::string(20'000, 'x'), 1);         // never fits
  EXPECT_GE(push->readings().ledger.get(Count::kPushLostOverflow), 90u * 7 + 1);
  const auto begin = steady_clock::now();
  push->stop(milliseconds{100});
  EXPECT_LT(steady_clock::now() - begin, milliseconds{1000});
  EXPECT_EQ(push->readings().ledger.unaccounted(Stage::kPush), 0);
  EXPECT_EQ(push->readings().queue_requests, 0u);
}

TEST(Push, WhatWaitsArrivesOnceTheServerIsThere) {
  int port = 0;
  {
    PushServer gone([](auto, auto&) {});
    port = gone.port();
  }
  auto push = started(quick("http://127.0.0.1:" + std::to_string(port) + "/api/v1/write"));
  for (int i = 0; i < 20; ++i) push->submit(std::to_string(i), 1);
  ASSERT_TRUE(soon([&] { return push->readings().requests[0] >= 2; }));
  PushServer server([](auto, auto&) {}, port);
  EXPECT_TRUE(soon([&] { return push->readings().ledger.get(Count::kPushDelivered) == 20; }));
  const auto seen = server.seen();
  ASSERT_EQ(seen.size(), 20u);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i].body, std::to_string(i));
  expect_counts(*push, 20, 20, 0, 0, 0);
}

TEST(Push, ASlowServerHoldsUpNeitherTheProducerNorTheEnd) {
  PushServer server([](auto, auto&) { std::this_thread::sleep_for(milliseconds{700}); });
  auto push = started(quick(server.url()));
  for (int i = 0; i < 5; ++i) push->submit("x", 10);
  ASSERT_TRUE(soon([&] { return server.seen().size() == 1; }));
  const auto begin = steady_clock::now();
  push->stop(milliseconds{200});
  EXPECT_LT(steady_clock::now() - begin, milliseconds{500});
  expect_counts(*push, 50, 0, 0, 0, 50);
  push->submit("late", 1);
  expect_counts(*push, 51, 0, 0, 0, 51);
}

TEST(Push, TimesOut) {
  PushServer server([](std::size_t n, auto&) {
    if (n == 0) std::this_thread::sleep_for(milliseconds{500});
  });
  PushSettings settings = quick(server.url());
  settings.timeout = 100 * kMillisecond;
  auto push = started(settings);
  push->submit("x", 1);
  ASSERT_TRUE(soon([&] { return push->readings().ledger.get(Count::kPushDelivered) == 1; }));
  EXPECT_GE(push->readings().requests[0], 1u);
}

TEST(Push, TellsAboutItself) {
  PushServer server([](std::size_t n, httplib::Response& response) {
    if (n == 0) response.status = 400;
  });
  auto push = started(quick(server.url()));
  push->submit("abc", 3);
  push->submit("abcd", 4);
  push->stop(milliseconds{3000});
  std::string text;
  MetricPage page(text);
  add_push_metrics(page, push->readings());
  for (const char* line :
       {"weir_push_requests_total{code=\"204\"} 1\n", "weir_push_requests_total{code=\"400\"} 1\n",
        "weir_push_samples_sent_total 4\n",
        "weir_push_samples_dropped_total{reason=\"rejected\"} 3\n",
        "weir_push_samples_dropped_total{reason=\"overflow\"} 0\n",
        "weir_push_samples_retried_total 0\n", "weir_push_bytes_sent_total 4\n",
        "weir_push_samples_pending 0\n", "weir_push_queue_bytes 0\n",
        "weir_push_queue_limit_bytes 67108864\n", "weir_push_last_success_timestamp_seconds 1"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

}  // namespace
}  // namespace weir
