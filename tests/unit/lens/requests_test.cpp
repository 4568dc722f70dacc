#include "lens/requests.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/packet/packet_builder.h"
#include "unit/protocol/http2_builder.h"

namespace weir {
namespace {

constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;

// A record as one line: "GET /a 200 complete 3ms".
std::string line(const RoundTrip& trip) {
  std::string out;
  for (const FieldList* fields : {trip.request_fields, trip.response_fields}) {
    for (const Field* field :
         fields == trip.request_fields ? trip.vocabulary->asked : trip.vocabulary->answered) {
      FieldValue value;
      if (!fields->find(*field, value)) continue;
      out += (out.empty() ? "" : " ");
      out +=
          field->type == FieldType::kInt ? std::to_string(value.number) : std::string(value.text);
    }
  }
  out +=
      " " + std::string(status_name(trip.status)) + " " + std::string(quality_name(trip.quality));
  return out + " " + std::to_string(trip.duration_ns / kMillisecond) + "ms";
}

class Lines : public RecordSink {
 public:
  void on(const RoundTrip& trip) noexcept override {
    lines.push_back(line(trip));
    last_client = trip.client;
  }
  std::vector<std::string> lines;
  Endpoint last_client;
};

using Seen = std::vector<std::string>;

// A client 10.0.0.1:port talks to 10.0.0.2:80; one packet each millisecond.
class RequestsTest : public testing::Test {
 protected:
  void frame(const build::Wire& bytes, std::uint32_t interface_id = 1) {
    Frame f;
    f.time = now_ += kMillisecond;
    f.interface_id = interface_id;
    f.link_type = 1;
    f.data = bytes;
    f.wire_bytes = static_cast<std::uint32_t>(bytes.size() + cut_);
    lens_.on(f);
  }
  build::Wire segment(bool from_client, std::uint8_t flags, std::string_view payload) {
    std::uint32_t& sequence = from_client ? client_ : server_;
    const std::uint32_t acknowledgment = from_client ? server_ : client_;
    const auto wire = build::ethernet(
        {.payload = build::ipv4(
             {.source_host = from_client ? std::uint8_t{1} : std::uint8_t{2},
              .destination_host = from_client ? std::uint8_t{2} : std::uint8_t{1},
              .payload = build::tcp({.source_port = from_client ? port_ : std::uint16_t{80},
                                     .destination_port = from_client ? std::uint16_t{80} : port_,
                                     .sequence = sequence,
                                     .acknowledgment = acknowledgment,
                                     .flags = flags,
                                     .payload = build::text(payload)})})});
    sequence += static_cast<std::uint32_t>(payload.size());
    if (flags & (kSyn | kFin)) ++sequence;
    return wire;
  }
  void client(std::string_view payload, std::uint8_t flags = kAck) {
    frame(segment(true, flags, payload));
  }
  void server(std::string_view payload, std::uint8_t flags = kAck) {
    frame(segment(false, flags, payload));
  }
  void lost_from_client(std::string_view payload) { (void)segment(true, kAck, payload); }
  void lost_from_server(std::string_view payload) { (void)segment(false, kAck, payload); }
  void handshake() {
    client("", kSyn);
    server("", kSyn | kAck);
    client("");
  }
  void dns(bool from_client, std::string_view payload, std::uint32_t interface_id = 1) {
    frame(build::ethernet({.payload = build::ipv4(
                               {.protocol = 17,
                                .source_host = from_client ? std::uint8_t{1} : std::uint8_t{2},
                                .destination_host = from_client ? std::uint8_t{2} : std::uint8_t{1},
                                .payload = build::udp(
                                    {.source_port = from_client ? port_ : std::uint16_t{53},
                                     .destination_port = from_client ? std::uint16_t{53} : port_,
                                     .payload = build::text(payload)})})}),
          interface_id);
  }
  const Seen& finish() {
    lens_.finish();
    expect_balance();
    return records_.lines;
  }
  // match.delivered is counted by the head of the sinks, which is not part of this test.
  void expect_balance() {
    const Ledger& l = counters_.ledger;
    EXPECT_EQ(l.get(Count::kCaptureSeen),
              l.get(Count::kCaptureDelivered) + l.get(Count::kCaptureFilteredDuplicate) +
                  l.get(Count::kCaptureFilteredForeign) + l.get(Count::kCaptureLostMalformed) +
                  l.get(Count::kCaptureLostLinkType) + l.get(Count::kCaptureLostFragment));
    EXPECT_EQ(l.get(Count::kStreamSeen),
              l.get(Count::kStreamDelivered) + l.get(Count::kStreamFilteredRetransmitted) +
                  l.get(Count::kStreamFilteredOpaque) + l.get(Count::kStreamLostGap) +
                  l.get(Count::kStreamLostTruncated) + l.get(Count::kStreamLostDecode) +
                  l.get(Count::kStreamLostEvicted) + l.get(Count::kStreamLostOutOfWindow) +
                  l.get(Count::kStreamLostCut) + counters_.pending_stream.get());
    EXPECT_EQ(counters_.pending_match.get(), 0u);
  }

  RequestsCounters counters_;
  Lines records_;
  RequestsLens lens_{{}, counters_, records_};
  Nanos now_ = 1000 * kSecond;
  std::uint32_t client_ = 100, server_ = 5000;
  std::uint16_t port_ = 40000;
  std::size_t cut_ = 0;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kNotFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"; }

// Query and answer for a.example, type A, with this id.
std::string dns_message(char id, bool answer) {
  std::string m = {0, id, answer ? '\x81' : '\x01', answer ? '\x80' : '\0', 0, 1, 0, 0, 0, 0, 0, 0};
  m += std::string("\1a\7example\0\0\1\0\1", 15);
  return m;
}

TEST_F(RequestsTest, PairsAndTimes) {
  handshake();
  client(get("/a"));
  server(kOk);
  EXPECT_EQ(records_.lines, Seen{"GET /a 200 ok complete 1ms"});
  EXPECT_EQ(records_.last_client.port, 40000);
}

TEST_F(RequestsTest, PairsPipelinedRequestsInOrder) {
  handshake();
  client(get("/a") + get("/b") + get("/c"));
  server(std::string(kOk) + std::string(kNotFound));
  server(kOk);
  EXPECT_EQ(records_.lines, (Seen{"GET /a 200 ok complete 1ms", "GET /b 404 error complete 1ms",
                                  "GET /c 200 ok complete 2ms"}));
}

TEST_F(RequestsTest, FollowsABodyWithoutKeepingIt) {
  handshake();
  client(get("/big"));
  server("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + std::string(1000, 'x'));
  server(std::string(1000, 'x'));
  EXPECT_TRUE(records_.lines.empty());
  EXPECT_EQ(counters_.pending_stream.get(), 0u);
  server(std::string(1000, 'x'));
  EXPECT_EQ(records_.lines, Seen{"GET /big 200 ok complete 3ms"});
}

TEST_F(RequestsTest, AGapInABodyLosesNothingElse) {
  handshake();
  client(get("/big"));
  server("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + std::string(1000, 'x'));
  lost_from_server(std::string(1000, 'x'));
  server(std::string(1000, 'x'));
  client(get("/next"));
  now_ += kSecond;
  client("");
  server(kOk);
  ASSERT_EQ(finish().size(), 2u);
  EXPECT_TRUE(records_.lines[0].starts_with("GET /big 200 ok gap")) << records_.lines[0];
  EXPECT_TRUE(records_.lines[1].starts_with("GET /next 200 ok complete")) << records_.lines[1];
}

TEST_F(RequestsTest, ALostAnswerIsNotTakenFromTheNextRequest) {
  handshake();
  client(get("/a"));
  lost_from_server(kNotFound);
  client(get("/b"));
  server(kOk);
  client(get("/c"));
  server(kOk);
  ASSERT_EQ(finish().size(), 3u);
  EXPECT_TRUE(records_.lines[0].starts_with("GET /a unanswered gap")) << records_.lines[0];
  EXPECT_TRUE(records_.lines[1].starts_with("GET /b 200 ok complete")) << records_.lines[1];
  EXPECT_TRUE(records_.lines[2].starts_with("GET /c 200 ok complete")) << records_.lines[2];
}

TEST_F(RequestsTest, ALostRequestLeavesItsAnswerAlone) {
  handshake();
  client(get("/a"));
  server(kOk);
  lost_from_client(get("/b"));
  server(kNotFound);
  client(get("/c"));
  server(kOk);
  ASSERT_EQ(finish().size(), 3u);
  EXPECT_EQ(records_.lines[0], "GET /a 200 ok complete 1ms");
  EXPECT_TRUE(records_.lines[1].starts_with("404 error gap")) << records_.lines[1];
  EXPECT_TRUE(records_.lines[2].starts_with("GET /c 200 ok complete")) << records_.lines[2];
}

// The last answer before the client asks on belongs to its last request, and so on back to the gap.
TEST_F(RequestsTest, PairsTheBatchBehindALostAnswer) {
  handshake();
  client(get("/a") + get("/b") + get("/c") + get("/d"));
  server(kOk);
  lost_from_server(kOk);
  server(kNotFound);
  server(kOk);
  client(get("/e"));
  server(kNotFound);
  EXPECT_EQ(finish(), (Seen{"GET /a 200 ok complete 1ms", "GET /b unanswered gap 4ms",
                            "GET /c 404 error gap 2ms", "GET /d 200 ok gap 3ms",
                            "GET /e 404 error complete 1ms"}));
}

TEST_F(RequestsTest, PairsTheBatchBehindALostRequest) {
  handshake();
  client(get("/a"));
  lost_from_client(get("/b"));
  client(get("/c"));
  server(kOk);
  server(kOk);
  server(kNotFound);
  client("", kFin | kAck);
  server("", kFin | kAck);
  const Seen& seen = finish();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0], "GET /a 200 ok complete 2ms");
  EXPECT_EQ(seen[1], "GET /c 404 error gap 3ms");
  EXPECT_EQ(seen[2], "200 ok gap 0ms");
}

// It asks on while an answer is outstanding: after a gap nothing tells which answer is whose.
TEST_F(RequestsTest, PairsNothingByCountingWhereSomethingIsAlwaysOutstanding) {
  handshake();
  client(get("/a"));
  client(get("/b"));
  for (int i = 0; i < 3; ++i) {
    server(kOk);
    client(get("/c"));
  }
  lost_from_server(kOk);
  client(get("/d"));
  server(kNotFound);
  client(get("/e"));
  server(kOk);
  finish();
  for (const std::string& told : records_.lines) {
    if (told.starts_with("GET /d") || told.starts_with("GET /e")) {
      EXPECT_NE(told.find("unanswered gap"), std::string::npos) << told;
    }
  }
}

TEST_F(RequestsTest, ALossBeforeTheProtocolWasKnownUpsetsNoPair) {
  handshake();
  lost_from_client(get("/a"));
  client(get("/b"));
  server(kNotFound);
  server(kOk);
  client(get("/c"));
  server(kOk);
  for (const std::string& seen : finish()) {
    EXPECT_EQ(seen.find("GET /b 404"), seen.npos) << seen;
  }
  EXPECT_TRUE(records_.lines.back().starts_with("GET /c 200 ok complete")) << records_.lines.back();
}

TEST_F(RequestsTest, TakesNewBytesFromWhateverInterface) {
  handshake();
  frame(segment(true, kAck, get("/a")), 1);
  frame(segment(false, kAck, kOk), 2);
  frame(segment(true, kAck, get("/b")), 2);
  frame(segment(false, kAck, kOk), 1);
  EXPECT_EQ(finish().size(), 2u);
}

TEST_F(RequestsTest, ReportsWhatAResetLeavesOpen) {
  handshake();
  client(get("/a"));
  server("", kRst | kAck);
  EXPECT_EQ(records_.lines, Seen{"GET /a unanswered complete 1ms"});
  EXPECT_EQ(counters_.open_connections.get(), 0u);
}

TEST_F(RequestsTest, ReportsAnAnswerThatEndsTooSoonAsAnError) {
  handshake();
  client(get("/a"));
  server("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\nbegin");
  server("", kRst | kAck);
  EXPECT_EQ(records_.lines, Seen{"GET /a 200 error complete 2ms"});
}

TEST_F(RequestsTest, ReportsAfterATimeOutAndLetsTheLateAnswerPass) {
  handshake();
  client(get("/slow"));
  lens_.on_time(now_ + 200 * kSecond);
  EXPECT_EQ(records_.lines, Seen{"GET /slow unanswered complete 120000ms"});
  now_ += 200 * kSecond;
  server(kOk);
  client(get("/b"));
  server(kNotFound);
  ASSERT_EQ(finish().size(), 2u);
  EXPECT_EQ(records_.lines[1], "GET /b 404 error complete 1ms");
  EXPECT_EQ(counters_.ledger.get(Count::kMatchFilteredLate), 1u);
}

TEST_F(RequestsTest, ReportsOpenRequestsAtTheEndInTheirOrder) {
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{40002, 40001, 40003}) {
    port_ = port;
    client_ = 100, server_ = 5000;
    handshake();
    client(get("/" + std::to_string(port)));
  }
  ASSERT_EQ(finish().size(), 3u);
  EXPECT_TRUE(records_.lines[0].starts_with("GET /40002 unanswered"));
  EXPECT_TRUE(records_.lines[1].starts_with("GET /40001 unanswered"));
  EXPECT_TRUE(records_.lines[2].starts_with("GET /40003 unanswered"));
}

TEST_F(RequestsTest, ARequestCutOffByTheEndIsNone) {
  handshake();
  client("POST /up HTTP/1.1\r\nContent-Length: 100\r\n\r\nsome");
  EXPECT_TRUE(finish().empty());
  EXPECT_EQ(counters_.ledger.get(Count::kMatchLostCut), 1u);
}

TEST_F(RequestsTest, KnowsAClosedConnectionsLateCopies) {
  handshake();
  const auto request = segment(true, kAck, get("/a"));
  frame(request);
  server(kOk);
  client("", kFin | kAck);
  server("", kFin | kAck);
  client("");
  frame(request);
  EXPECT_EQ(finish(), Seen{"GET /a 200 ok complete 1ms"});
}

TEST_F(RequestsTest, FollowsThePortsNextConnection) {
  handshake();
  client(get("/a"));
  client_ = 777, server_ = 99;
  handshake();
  client(get("/b"));
  server(kOk);
  EXPECT_EQ(finish(), (Seen{"GET /a unanswered complete 1ms", "GET /b 200 ok complete 1ms"}));
}

TEST_F(RequestsTest, JoinsAConnectionInABodyAndFindsTheNextRequest) {
  server(std::string(900, 'x'));
  server(std::string(500, 'y'));
  client(get("/a"));
  server(kOk);
  EXPECT_EQ(records_.lines, Seen{"GET /a 200 ok complete 1ms"});
}

TEST_F(RequestsTest, CountsOneOfSeveralSightings) {
  handshake();
  const auto request = segment(true, kAck, get("/a"));
  const auto answer = segment(false, kAck, kOk);
  for (const std::uint32_t interface_id : {1u, 2u, 3u}) frame(request, interface_id);
  for (const std::uint32_t interface_id : {3u, 2u, 1u}) frame(answer, interface_id);
  EXPECT_EQ(finish().size(), 1u);
  EXPECT_EQ(counters_.ledger.get(Count::kCaptureFilteredDuplicate), 4u);
  EXPECT_EQ(counters_.tcp.retransmitted_segments.get(), 0u);
}

TEST_F(RequestsTest, CountsOneOfSeveralSightingsOverUdp) {
  for (const std::uint32_t interface_id : {1u, 2u, 3u})
    dns(true, dns_message(7, false), interface_id);
  for (const std::uint32_t interface_id : {3u, 2u, 1u})
    dns(false, dns_message(7, true), interface_id);
  EXPECT_EQ(finish().size(), 1u);
}

TEST_F(RequestsTest, PairsDnsByIdAndReportsRepeatedQueries) {
  dns(true, dns_message(1, false));
  dns(true, dns_message(2, false));
  dns(true, dns_message(1, false));
  dns(false, dns_message(2, true));
  dns(false, dns_message(1, true));
  EXPECT_EQ(records_.lines,
            (Seen{"A a.example NOERROR ok complete 2ms", "A a.example NOERROR ok complete 4ms"}));
  lens_.on_time(now_ + 30 * kSecond);
  ASSERT_EQ(finish().size(), 3u);
  EXPECT_TRUE(records_.lines[2].starts_with("A a.example unanswered complete"));
}

TEST_F(RequestsTest, PairsAnAnswerCapturedBeforeItsQuery) {
  dns(false, dns_message(1, true));
  EXPECT_TRUE(records_.lines.empty());
  dns(true, dns_message(1, false));
  EXPECT_EQ(finish(), Seen{"A a.example NOERROR ok complete 0ms"});
}

TEST_F(RequestsTest, BoundsItsTables) {
  RequestsOptions options;
  options.max_connections = 10;
  options.max_udp_flows = 10;
  RequestsCounters counters;
  RequestsLens lens(options, counters, records_);
  for (int i = 0; i < 100; ++i) {
    port_ = static_cast<std::uint16_t>(20000 + i);
    Frame f;
    f.time = now_ += kMillisecond;
    f.link_type = 1;
    const auto bytes = segment(true, kSyn, "");
    f.data = bytes;
    f.wire_bytes = static_cast<std::uint32_t>(bytes.size());
    lens.on(f);
  }
  EXPECT_EQ(counters.open_connections.get(), 10u);
}

TEST_F(RequestsTest, TreatsAForcedPortAsItsProtocol) {
  RequestsOptions options;
  options.forced.push_back(*ForcedProtocol::parse("redis;80"));
  RequestsCounters counters;
  RequestsLens lens(options, counters, records_);
  for (const auto& bytes : {segment(true, kSyn, ""), segment(true, kAck, get("/a"))}) {
    Frame f;
    f.time = now_ += kMillisecond;
    f.link_type = 1;
    f.data = bytes;
    f.wire_bytes = static_cast<std::uint32_t>(bytes.size());
    lens.on(f);
  }
  lens.finish();
  for (const std::string& seen : records_.lines) EXPECT_EQ(seen.find("GET /a 200"), seen.npos);
}

const std::string kHttp2Begin = std::string(h2::kPreface) + h2::settings();

TEST_F(RequestsTest, Http2StreamsArePairedByTheirIds) {
  h2::End asking, answering;
  handshake();
  client(kHttp2Begin);
  server(h2::settings());
  client(asking.headers(1, h2::request("/a"), true));
  client(asking.headers(3, h2::request("/b"), true));
  server(answering.headers(3, h2::answer(200)));
  server(answering.headers(1, h2::answer(404), true));
  server(h2::data(3, "body", true));
  EXPECT_EQ(records_.lines, (Seen{"GET /a 404 error complete 3ms", "GET /b 200 ok complete 3ms"}));
}

TEST_F(RequestsTest, Http2WhoseBeginningWasLostIsPairedAllTheSame) {
  h2::End asking, answering;
  handshake();
  lost_from_server(h2::settings());
  client(kHttp2Begin + asking.headers(1, h2::request("/a"), true));
  server(answering.headers(1, h2::answer(200), true));
  now_ += kSecond;
  client("");
  EXPECT_EQ(finish(), Seen{"GET /a 200 ok complete 1ms"});
}

TEST_F(RequestsTest, ARequestThatIsTakenBackEndsThere) {
  h2::End asking;
  handshake();
  client(kHttp2Begin);
  server(h2::settings());
  client(asking.headers(1, h2::request("/a", "POST")) + h2::data(1, "part"));
  client(h2::reset(1, 8));
  EXPECT_EQ(records_.lines, Seen{"POST /a CANCEL unanswered complete 1ms"});
  finish();
}

TEST_F(RequestsTest, ARequestBeforeAnUpgradeIsAnsweredInHttp2) {
  h2::End asking, answering;
  handshake();
  client("GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + h2::settings());
  client(kHttp2Begin + asking.headers(3, h2::request("/b"), true));
  server(answering.headers(1, h2::answer(200)) + h2::data(1, "body", true));
  server(answering.headers(3, h2::answer(404), true));
  EXPECT_EQ(finish(), (Seen{"GET /a 200 ok complete 3ms", "GET /b 404 error complete 2ms"}));
}

// A hole in a body taints the message it belongs to, not the one that was begun last.
TEST_F(RequestsTest, AHoleInOneOfManyBodies) {
  h2::End asking, answering;
  handshake();
  client(kHttp2Begin + asking.headers(1, h2::request("/a"), true));
  client(asking.headers(3, h2::request("/b"), true));
  const std::string body = h2::data(1, std::string(3000, 'x'), true);
  server(h2::settings() + answering.headers(1, h2::answer(200)));
  server(answering.headers(3, h2::answer(200)));
  server(body.substr(0, 1000));
  lost_from_server(body.substr(1000, 1000));
  server(body.substr(2000));
  server(h2::data(3, "whole", true));
  now_ += kSecond;
  client("");
  EXPECT_EQ(finish(), (Seen{"GET /a 200 ok gap 5ms", "GET /b 200 ok complete 5ms"}));
}

}  // namespace
}  // namespace weir
