#include "metrics/exposition.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "../record/sample_trip.h"

namespace weir {
namespace {

using sample::HttpTrip;
using sample::Trip;

struct Scene {
  RequestsMetrics first, second;
  RequestsCounters worker;
  RequestsReadings readings{{&first, &second}, {&worker}, {"http", "dns"}, {}};

  std::string page() const { return render_metrics_page(readings, "1.2.3", true); }
};

bool contains(const std::string& page, std::string_view line) {
  if (page.find(line) != std::string::npos) return true;
  ADD_FAILURE() << "no '" << line << "' in\n" << page;
  return false;
}

// The sum of the values of all lines that begin with `name` and contain `label`.
double sum_of(const std::string& page, std::string_view name, std::string_view label = "") {
  double total = 0;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || line.find(label) == std::string::npos) continue;
    total += std::stod(line.substr(line.rfind(' ')));
  }
  return total;
}

TEST(Exposition, CaptureIsShownPerWorkerWhereThereIsACapture) {
  Scene scene;
  RequestsCounters second;
  scene.readings.workers.push_back(&second);
  EXPECT_EQ(scene.page().find("weir_capture_"), std::string::npos);
  scene.worker.ring_bytes.set(1 << 20);
  scene.worker.spared_bytes.set(77);
  second.ring_bytes.set(2 << 20);
  second.lag_ns.set(1'020'000'000);
  second.ledger.add(Count::kCaptureLostKernel, 5);
  const std::string page = scene.page();
  contains(page, "weir_capture_dropped_packets_total{worker=\"0\"} 0\n");
  contains(page, "weir_capture_dropped_packets_total{worker=\"1\"} 5\n");
  contains(page, "weir_capture_lag_seconds{worker=\"1\"} 1.020000000\n");
  contains(page, "weir_capture_ring_bytes{worker=\"0\"} 1048576\n");
  contains(page, "weir_capture_spared_bytes_total 77\n");
}

TEST(Exposition, HttpServerHistogram) {
  Scene scene;
  scene.first.on(HttpTrip("GET", "/user/1", 200));
  scene.first.on(HttpTrip("GET", "/user/2", 200));
  scene.second.on(HttpTrip("GET", "/user/3", 200));
  const std::string page = scene.page();
  const std::string labels =
      R"({http_request_method="GET",http_response_status_code="200",network_protocol_version="1.1",)"
      R"(url_template="/user/{id}")";
  const std::string name = "http_server_request_duration_seconds";
  contains(page, "# TYPE " + name + " histogram\n");
  contains(page, name + "_bucket" + labels + ",le=\"0.0025\"} 0\n");
  contains(page, name + "_bucket" + labels + ",le=\"0.005\"} 3\n");
  contains(page, name + "_bucket" + labels + ",le=\"+Inf\"} 3\n");
  contains(page, name + "_sum" + labels + "} 0.015000000\n");
  contains(page, name + "_count" + labels + "} 3\n");
}

TEST(Exposition, RoleErrorsAndUnanswered) {
  Scene scene;
  HttpTrip as_client("GET", "/", 404);
  as_client.server_is_local = false;
  scene.first.on(as_client);
  scene.first.on(HttpTrip("GET", "/", 404));
  scene.first.on(HttpTrip("GET", "/", 500));
  scene.first.on(HttpTrip("GET", "/", 0));
  const std::string page = scene.page();
  contains(page, R"(http_client_request_duration_seconds_count{http_request_method="GET",)"
                 R"(http_response_status_code="404",network_protocol_version="1.1",)"
                 R"(url_template="_OTHER",error_type="404"} 1)");
  contains(page, R"(http_server_request_duration_seconds_count{http_request_method="GET",)"
                 R"(http_response_status_code="404",network_protocol_version="1.1",)"
                 R"(url_template="_OTHER"} 1)");
  const std::string known = R"(network_protocol_version="1.1",url_template="/",)";
  contains(page, R"(status_code="500",)" + known + R"(error_type="500"} 1)");
  contains(page, R"(method="GET",)" + known + R"(error_type="unanswered"} 1)");
}

TEST(Exposition, OtherFamilies) {
  Scene scene;
  Trip dns(sample::kDns);
  dns.transport = Transport::kUdp;
  dns.status = Status::kError;
  dns.answered.add(FieldValue::of(sample::kRcode, std::string_view("NXDOMAIN")));
  scene.first.on(dns);
  Trip redis(sample::kRedis);
  redis.status = Status::kError;
  redis.asked.add(FieldValue::of(sample::kOperation, std::string_view("GET")));
  redis.asked.add(FieldValue::of(sample::kSystem, std::string_view("redis")));
  redis.answered.add(FieldValue::of(sample::kPrefix, std::string_view("WRONGTYPE")));
  scene.first.on(redis);
  const std::string page = scene.page();
  contains(page, R"(dns_lookup_duration_seconds_count{dns_response_code="NXDOMAIN",)"
                 R"(error_type="NXDOMAIN"} 1)");
  contains(page, R"(db_client_operation_duration_seconds_count{db_system_name="redis",)"
                 R"(db_operation_name="GET",error_type="WRONGTYPE"} 1)");
}

TEST(Exposition, WithoutRequestIsNoObservation) {
  Scene scene;
  Trip push(sample::kRedis);
  push.request.reset();
  scene.first.on(push);
  EXPECT_EQ(scene.page().find("db_client_operation_duration_seconds_count"), std::string::npos);
  const RequestsTotals totals = RequestsTotals::read(scene.readings.shards);
  ASSERT_EQ(totals.protocols.size(), 1u);
  EXPECT_EQ(totals.protocols[0].records, 1u);
  EXPECT_EQ(totals.protocols[0].without_request, 1u);
}

TEST(Exposition, SeriesBeyondTheLimitAreCountedTogether) {
  RequestsMetrics metrics(10);
  for (int code = 100; code < 200; ++code) metrics.on(HttpTrip("GET", "/", code));
  RequestsReadings readings{{&metrics}, {}, {}, {}};
  const std::string page = render_metrics_page(readings, "1", true);
  contains(page, R"(weir_series_overflow_total{family="http_server_request_duration_seconds"} 90)");
  contains(page, R"(_count{otel_metric_overflow="true"} 90)");
  EXPECT_EQ(metrics.series(DurationFamily::kHttpServer).size(), 11u);
}

TEST(Exposition, HostileLabelValues) {
  Scene scene;
  const auto add = [&](std::string_view operation) {
    Trip trip(sample::kRedis);
    trip.asked.add(FieldValue::of(sample::kOperation, operation));
    scene.first.on(trip);
  };
  add("a\"b\\c\nd");
  add("\xff");
  add("\xfe");  // rendered the same: must become one series, not two of one name
  add("");
  add(std::string(1000, 'x'));
  const std::string page = scene.page();
  contains(page, R"(db_operation_name="a\"b\\c\nd"})");
  contains(page, "_count{db_system_name=\"redis\",db_operation_name=\"\xef\xbf\xbd\"} 2\n");
  contains(page, "_count{db_system_name=\"redis\"} 1\n");
  contains(page, "\"" + std::string(64, 'x') + "\"");
}

TEST(Exposition, LedgerTcpAndProcess) {
  Scene scene;
  scene.worker.ledger.add(Count::kCaptureSeen, 12);
  scene.worker.ledger.add(Count::kCaptureLostKernel, 2);
  scene.worker.pending_stream.set(7);
  scene.worker.tcp.retransmitted_segments.add(3);
  scene.worker.decode_errors[1].add(4);
  scene.worker.open_connections.set(5);
  const std::string page = scene.page();
  contains(page, R"(weir_ledger_total{stage="capture",outcome="seen"} 12)");
  contains(page, R"(weir_ledger_total{stage="capture",outcome="lost",reason="kernel"} 2)");
  contains(page, R"(weir_ledger_pending{stage="stream"} 7)");
  contains(page, "weir_tcp_retransmitted_segments_total 3\n");
  contains(page, R"(weir_decode_errors_total{protocol="dns"} 4)");
  contains(page, "weir_open_connections 5\n");
  contains(page, R"(weir_lens_up{lens="requests"} 1)");
  contains(page, R"(weir_build_info{version="1.2.3"} 1)");
  EXPECT_GT(sum_of(page, "process_resident_memory_bytes"), 1e6);
  EXPECT_GT(sum_of(page, "process_start_time_seconds"), 1e9);
}

TEST(Exposition, PromtoolHasNothingToSay) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "no promtool";
  Scene scene;
  scene.first.on(HttpTrip("GET", "/", 200));
  scene.first.on(HttpTrip("GET", "/", 0));
  Trip tls(sample::kDns);
  scene.first.on(tls);
  Trip redis(sample::kRedis);
  redis.asked.add(FieldValue::of(sample::kOperation, std::string_view("\xff\"\\\n")));
  scene.second.on(redis);
  char path[] = "/tmp/weir-page-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  close(fd);
  std::ofstream(path) << scene.page();
  const std::string command = std::string("promtool check metrics <") + path + " 2>&1";
  FILE* promtool = popen(command.c_str(), "r");
  ASSERT_NE(promtool, nullptr);
  std::string said;
  for (int c = fgetc(promtool); c != EOF; c = fgetc(promtool)) said += static_cast<char>(c);
  EXPECT_EQ(pclose(promtool), 0);
  EXPECT_EQ(said, "");
  unlink(path);
}

TEST(Exposition, ReadWhileWritten) {
  Scene scene;
  std::thread writer([&] {
    for (int i = 0; i < 20'000; ++i) scene.first.on(HttpTrip("GET", "/", 200 + i % 300));
  });
  const std::string count = "http_server_request_duration_seconds_count";
  const std::string bucket = "http_server_request_duration_seconds_bucket";
  for (int i = 0; i < 5; ++i) {
    const std::string page = scene.page();
    EXPECT_EQ(sum_of(page, count), sum_of(page, bucket, "+Inf"));
    RequestsTotals::read(scene.readings.shards);
  }
  writer.join();
  EXPECT_EQ(sum_of(scene.page(), count), 20'000);
}

TEST(RequestsTotals, AddsShardsAndSubtractsReadings) {
  Scene scene;
  scene.first.on(HttpTrip("GET", "/", 200));
  scene.second.on(HttpTrip("GET", "/", 500));
  const RequestsTotals before = RequestsTotals::read(scene.readings.shards);
  ASSERT_EQ(before.protocols.size(), 1u);
  EXPECT_EQ(before.protocols[0].records, 2u);
  EXPECT_EQ(before.protocols[0].errors, 1u);
  EXPECT_EQ(before.protocols[0].request_bytes, 236u);
  scene.first.on(HttpTrip("GET", "/", 0));
  scene.first.on(Trip(sample::kDns));
  const RequestsTotals interval = RequestsTotals::read(scene.readings.shards).since(before);
  ASSERT_EQ(interval.protocols.size(), 2u);
  EXPECT_EQ(interval.protocols[0].name, "dns");
  EXPECT_EQ(interval.protocols[1].records, 1u);
  EXPECT_EQ(interval.protocols[1].unanswered, 1u);
  EXPECT_EQ(interval.protocols[1].answered.count(), 0u);
}

}  // namespace
}  // namespace weir
