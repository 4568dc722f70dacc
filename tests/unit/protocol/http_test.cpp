#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "contract/drive.h"
#include "protocol/registry.h"

namespace weir {
namespace {

using Direction::kToClient;
using Direction::kToServer;
using test::Drive;
using test::OwnedMessage;

constexpr std::uint64_t kOpen = Message::kOpenEnd;

struct Line {
  Direction direction;
  std::string bytes;
};
Line client(std::string bytes) { return {kToServer, std::move(bytes)}; }
Line server(std::string bytes) { return {kToClient, std::move(bytes)}; }

std::unique_ptr<Drive> drive(const std::vector<Line>& talk, const test::Chunking& chunking,
                             Close close = Close::kFin) {
  auto d = std::make_unique<Drive>(kHttp, Transport::kTcp, Limits{}, chunking);
  for (const Line& line : talk) d->feed(line.direction, line.bytes);
  d->close_both(close);
  return d;
}

// What the decoder makes of the talk; the same however it is cut.
std::vector<OwnedMessage> decode(const std::vector<Line>& talk, Close close = Close::kFin) {
  const auto whole = drive(talk, test::whole(), close);
  EXPECT_EQ(whole->violations(), std::vector<std::string>{});
  for (unsigned seed = 0; seed < 8; ++seed) {
    const auto chunking = seed == 0 ? test::one_byte() : test::random_chunks(seed, 40);
    const auto cut = drive(talk, chunking, close);
    EXPECT_EQ(cut->dump(), whole->dump()) << "seed " << seed;
    EXPECT_EQ(cut->violations(), std::vector<std::string>{});
    for (Direction d : {kToServer, kToClient}) {
      EXPECT_EQ(cut->switched_at(d), whole->switched_at(d));
    }
  }
  return whole->messages();
}

// Kind, path or status, size of each message, e.g. "GET /a 0 | 200 5".
std::string brief(const std::vector<OwnedMessage>& messages) {
  std::string out;
  for (const OwnedMessage& m : messages) {
    if (!out.empty()) out += " | ";
    if (m.kind == MessageKind::kInterim) out += "interim ";
    out += m.direction == kToServer ? m.field("http.request.method") + ' ' + m.field("url.path")
                                    : m.field("http.response.status_code");
    out += m.size_bytes ? ' ' + std::to_string(*m.size_bytes) : " ?";
    if (m.end == kOpen) out += " open";
    if (m.status == Status::kError) out += " error";
  }
  return out;
}

std::string in_order(const std::vector<OwnedMessage>& messages) {
  std::vector<OwnedMessage> sorted;
  for (Direction d : {kToServer, kToClient}) {
    for (const OwnedMessage& m : messages) {
      if (m.direction == d) sorted.push_back(m);
    }
  }
  return brief(sorted);
}

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kGetB = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const std::string kNotFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

TEST(Http, OneExchange) {
  const auto m = decode({client("GET /get?a=1&b HTTP/1.1\r\nHost: httpbin.org\r\n"
                                "User-Agent: curl/8 (x)\r\nAccept: */*\r\n\r\n"),
                         server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")});
  ASSERT_EQ(brief(m), "GET /get 0 | 200 5");
  EXPECT_EQ(m[0].text(),
            "http request [0, 83) size 0 ok complete http.request.method=\"GET\" url.path=\"/get\" "
            "url.query=\"a=1&b\" http.request.header.host=\"httpbin.org\" url.scheme=\"http\" "
            "network.protocol.version=\"1.1\" user_agent.original=\"curl/8 (x)\"");
  EXPECT_EQ(m[1].text(),
            "http response [0, 43) size 5 ok complete http.response.status_code=\"200\"");
}

TEST(Http, Http10IsDecoded) {
  const auto m = decode({client("GET / HTTP/1.0\r\n\r\n"),
                         server("HTTP/1.0 200 OK\r\nServer: x\r\n\r\nuntil the end")});
  EXPECT_EQ(brief(m), "GET / 0 | 200 13");
  EXPECT_EQ(m[0].field("network.protocol.version"), "1.0");
  EXPECT_EQ(m[1].end, 43u);
}

TEST(Http, Http10KeepAlive) {
  const std::string ask = "GET /k HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  const std::string answer =
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok";
  EXPECT_EQ(brief(decode({client(ask), server(answer), client(ask), server(answer)})),
            "GET /k 0 | 200 2 | GET /k 0 | 200 2");
}

TEST(Http, Pipelined) {
  const auto m = decode({client(kGet + kGetB + kGet), server(kOk + kNotFound + kOk)});
  EXPECT_EQ(in_order(m), "GET /a 0 | GET /b 0 | GET /a 0 | 200 5 | 404 0 error | 200 5");
  EXPECT_EQ(m[1].begin, 28u);
  EXPECT_EQ(m[1].end, 56u);
}

TEST(Http, LinesSplitOverSegments) {
  EXPECT_EQ(brief(decode({client("GET /a HT"), client("TP/1.1\r\nHo"), client("st: h\r\n\r"),
                          client("\n"), server(kOk)})),
            "GET /a 0 | 200 5");
}

TEST(Http, HeadHasNoBodyWhateverItsLength) {
  const std::string head = "HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string length = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string bare = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(in_order(decode({client(head + kGet + head + head + kGetB),
                             server(length + kOk + chunked + bare + kNotFound)})),
            "HEAD /h 0 | GET /a 0 | HEAD /h 0 | HEAD /h 0 | GET /b 0 | "
            "200 0 | 200 5 | 200 0 | 200 0 | 404 0 error");
}

TEST(Http, InterimResponsesDoNotAnswer) {
  const auto m =
      decode({client("PUT /u HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
              server("HTTP/1.1 100 Continue\r\n\r\n"), client("abc"),
              server("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
                     "Link: </s.css>\r\n\r\n" +
                     kOk),
              client(kGetB), server(kNotFound)});
  EXPECT_EQ(brief(m),
            "PUT /u 3 | interim 100 0 | interim 102 0 | interim 103 0 | 200 5 | GET /b 0 | "
            "404 0 error");
}

TEST(Http, NoBodyWith204And304) {
  const std::string no_content = "HTTP/1.1 204 No Content\r\n\r\n";
  const std::string not_modified =
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: \"x\"\r\n\r\n";
  EXPECT_EQ(in_order(decode({client(kGet + kGet + kGet), server(no_content + not_modified + kOk)})),
            "GET /a 0 | GET /a 0 | GET /a 0 | 204 0 | 304 0 | 200 5");
}

TEST(Http, ChunkedWithExtensionsAndTrailers) {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 3\r\n\r\n"
      "5;name=\"v;\"\r\nhello\r\n00b \r\nHTTP/1.1 99\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n";
  const auto m = decode({client(kGet + kGetB), server(chunked + kOk)});
  EXPECT_EQ(in_order(m), "GET /a 0 | GET /b 0 | 200 16 | 200 5");
  EXPECT_EQ(m[2].end, chunked.size());
}

TEST(Http, ChunkedRequest) {
  const std::string post =
      "POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  const auto m = decode({client(post + kGet), server(kOk + kOk)});
  EXPECT_EQ(in_order(m), "POST /p 3 | GET /a 0 | 200 5 | 200 5");
  EXPECT_EQ(m[0].end, post.size());
}

TEST(Http, ChunkedCutOff) {
  const std::vector<Line> talk{
      client(kGet), server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")};
  EXPECT_EQ(brief(decode(talk, Close::kReset)), "GET /a 0 | 200 ? error");
  EXPECT_EQ(brief(decode(talk, Close::kFin)), "GET /a 0 | 200 ? error");
  EXPECT_EQ(brief(decode(talk, Close::kEndOfInput)), "GET /a 0 | 200 ? open");
}

TEST(Http, ChunkFramingBroken) {
  const std::string broken =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n";
  const auto m = decode({client(kGet), server(broken), client(kGetB), server(kNotFound)});
  EXPECT_EQ(in_order(m), "GET /a 0 | GET /b 0 | 200 ? | 404 0 error");
  for (const char* size : {"ffffffffffffffffffffff", "fffffffffffffff1", "-1", "0x5", ""}) {
    const std::string bad =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(size) + "\r\nhello";
    EXPECT_EQ(brief(decode({client(kGet), server(bad)})), "GET /a 0 | 200 ?") << size;
  }
}

TEST(Http, CloseDelimited) {
  const std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
  const std::vector<Line> talk{client(kGet), server(head + "some"), server(" bytes")};
  const auto m = decode(talk);
  EXPECT_EQ(brief(m), "GET /a 0 | 200 10");
  EXPECT_EQ(m[1].end, head.size() + 10);
  EXPECT_EQ(brief(decode(talk, Close::kReset)), "GET /a 0 | 200 10 error");
  // Codings without chunked at the end, and lengths that contradict each other.
  for (const char* header :
       {"Transfer-Encoding: gzip", "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5, 6",
        "Content-Length: five", "Content-Length: -1", "Content-Length: 18446744073709551615"}) {
    const std::string answer = "HTTP/1.1 200 OK\r\n" + std::string(header) + "\r\n\r\n";
    EXPECT_EQ(brief(decode({client(kGet), server(answer + "hello world")})), "GET /a 0 | 200 11")
        << header;
  }
}

TEST(Http, EqualLengthsAgree) {
  for (const char* header : {"Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5, 5",
                             "content-length:5", "CONTENT-LENGTH \t: \t5 ", "Content-Length:\r\n 5",
                             "Transfer-Encoding: identity\r\nContent-Length: 005"}) {
    const std::string answer = "HTTP/1.1 200 OK\r\n" + std::string(header) + "\r\n\r\nhello";
    EXPECT_EQ(in_order(decode({client(kGet + kGet), server(answer + kOk)})),
              "GET /a 0 | GET /a 0 | 200 5 | 200 5")
        << header;
  }
}

TEST(Http, HalfCloseKeepsTheResponse) {
  Drive d(kHttp);
  d.client(kGet);
  d.close(kToServer);
  d.server(kOk);
  d.close(kToClient);
  EXPECT_EQ(brief(d.messages()), "GET /a 0 | 200 5");
}

TEST(Http, LenientLines) {
  const auto m =
      decode({client("\r\n\r\nGET  /a b  HTTP/1.1 \nhOST:h\nX: 1\n\tfolded\n\n\r\n" + kGet),
              server("\r\nHTTP/1.1 200\nContent-Length: 2\n\nok\r\nHTTP/1.1 404 \r\n"
                     "Content-Length: 0\r\n\r\n")});
  EXPECT_EQ(in_order(m), "GET /a b 0 | GET /a 0 | 200 2 | 404 0 error");
  EXPECT_EQ(m[0].field("http.request.header.host"), "h");
  EXPECT_EQ(m[0].begin, 4u);
}

TEST(Http, FoldedValues) {
  const auto m =
      decode({client("GET / HTTP/1.1\r\nUser-Agent: one\r\n  two\r\n\tthree\r\n"
                     "Host:\r\n h\r\n\r\n")});
  EXPECT_EQ(m[0].field("user_agent.original"), "one two three");
  EXPECT_EQ(m[0].field("http.request.header.host"), "h");
}

TEST(Http, Connect) {
  Drive d(kHttp);
  d.client("CONNECT u:secret@db.example:443 HTTP/1.1\r\n\r\n");
  d.client("\x16\x03\x01 early");
  EXPECT_EQ(d.held_bytes(kToServer), 9u);
  d.server("HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\n\r\n");
  ASSERT_EQ(brief(d.messages()), "CONNECT  0 | 200 0");
  EXPECT_FALSE(d.messages()[0].has("url.path"));
  EXPECT_EQ(d.messages()[0].field("http.request.header.host"), "db.example:443");
  EXPECT_EQ(d.switched_at(kToServer), 44u);
  EXPECT_EQ(d.switched_at(kToClient), 58u);
}

TEST(Http, ConnectRefusedGoesOnAsHttp) {
  const std::string connect = "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n";
  const auto m = decode({client(connect + kGet),
                         server("HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno" + kOk),
                         client(connect), server("HTTP/1.1 200 OK\r\n\r\n"), client("\x01raw")});
  EXPECT_EQ(in_order(m), "CONNECT  0 | GET /a 0 | CONNECT  0 | 407 2 error | 200 5 | 200 0");
}

TEST(Http, UpgradeSwitchesBothDirections) {
  const std::string ask =
      "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
  const std::string answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
  const std::vector<Line> talk{client(kGet), server(kOk), client(ask),
                               server(answer + "\x01\x02hi"), client("PRI * HTTP/2.0\r\n\r\n")};
  EXPECT_EQ(brief(decode(talk)), "GET /a 0 | 200 5 | GET /up 0 | interim 101 0");
  const auto d = drive(talk, test::whole());
  EXPECT_EQ(d->switched_at(kToServer), kGet.size() + ask.size());
  EXPECT_EQ(d->switched_at(kToClient), kOk.size() + answer.size());
}

TEST(Http, AWebSocketIsOpaque) {
  const auto d =
      drive({client("GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
             server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\r\n" + kOk),
             client(kGet)},
            test::random_chunks(1));
  EXPECT_EQ(brief(d->messages()), "GET /ws 0 | 101 0");
  EXPECT_TRUE(d->opaque());
}

TEST(Http, OneByteBeforeARequest) {
  EXPECT_EQ(brief(decode({client(std::string(1, '\0') + kGet), server(kOk)})), "GET /a 0 | 200 5");
}

TEST(Http, UpgradeRefusedGoesOnAsHttp) {
  const std::string ask = "GET /u HTTP/1.1\r\nUpgrade: h2c\r\n\r\n";
  EXPECT_EQ(
      in_order(decode({client(ask + kGet), server("HTTP/1.1 103 x\r\n\r\n" + kOk + kNotFound)})),
      "GET /u 0 | GET /a 0 | interim 103 0 | 200 5 | 404 0 error");
}

TEST(Http, UndecidedIsBounded) {
  Drive d(kHttp);
  d.client("CONNECT h:1 HTTP/1.1\r\n\r\n");
  d.client(std::string(65536, 'x'));
  EXPECT_EQ(d.switched_at(kToServer), std::nullopt);
  d.client("x");
  EXPECT_EQ(d.switched_at(kToServer), 24u);
}

TEST(Http, Targets) {
  struct Case {
    std::string line, path, query, scheme, host;
  };
  const Case cases[] = {
      {"GET http://u:pw@a.example:81/p?q=1 HTTP/1.1\r\nHost: b", "/p", "q=1", "http", "b"},
      {"GET https://a.example HTTP/1.1", "/", "", "https", "a.example"},
      {"OPTIONS * HTTP/1.1\r\nHost: b", "*", "", "http", "b"},
      {"GET /a?u=http://x/y HTTP/1.1", "/a", "u=http://x/y", "http", ""},
      {"GET /a? HTTP/1.1", "/a", "", "http", ""},
      {"GET /?sig=s3cret&x=1&Signature=a%3D&Sig=keep&AWSAccessKeyId=AK&y&X-Goog-Signature=z "
       "HTTP/1.1",
       "/",
       "sig=REDACTED&x=1&Signature=REDACTED&Sig=keep&AWSAccessKeyId=REDACTED&y&"
       "X-Goog-Signature=REDACTED",
       "http", ""},
  };
  for (const Case& c : cases) {
    const auto m = decode({client(c.line + "\r\n\r\n")});
    ASSERT_EQ(m.size(), 1u) << c.line;
    EXPECT_EQ(m[0].field("url.path"), c.path);
    EXPECT_EQ(m[0].field("url.query"), c.query);
    EXPECT_EQ(m[0].has("url.query"), !c.query.empty());
    EXPECT_EQ(m[0].field("url.scheme"), c.scheme);
    EXPECT_EQ(m[0].field("http.request.header.host"), c.host);
    EXPECT_EQ(m[0].text().find("pw"), std::string::npos);
  }
}

TEST(Http, UnknownMethods) {
  const auto m = decode({client("PROPFIND /dav HTTP/1.1\r\n\r\nget / HTTP/1.1\r\n\r\n")});
  ASSERT_EQ(m.size(), 2u);
  EXPECT_EQ(m[0].field("http.request.method"), "_OTHER");
  EXPECT_EQ(m[0].field("http.request.method_original"), "PROPFIND");
  EXPECT_EQ(m[1].field("http.request.method_original"), "get");
  EXPECT_FALSE(decode({client(kGet)})[0].has("http.request.method_original"));
}

TEST(Http, BodiesAreSkippedNotHeld) {
  Drive d(kHttp, Transport::kTcp, Limits{}, test::random_chunks(1, 1000));
  d.client("POST /p HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + std::string(1000000, 'x') +
           kGet);
  d.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40000\r\n" +
           std::string(0x40000, 'y') + "\r\n0\r\n\r\n");
  EXPECT_EQ(in_order(d.messages()), "POST /p 1000000 | GET /a 0 | 200 262144");
  EXPECT_EQ(d.messages()[0].end, 1000045u);
  EXPECT_GT(d.skipped_bytes(), 1250000u);
}

TEST(Http, LossInsideABodyHarmsNothing) {
  Drive d(kHttp);
  d.client(kGet + kGetB);
  d.server("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nabc");
  d.lose(kToClient, 4000);
  d.server(std::string(997, 'x') + kOk);
  EXPECT_EQ(in_order(d.messages()), "GET /a 0 | GET /b 0 | 200 5000 | 200 5");

  Drive until_close(kHttp);
  until_close.client(kGet);
  until_close.server("HTTP/1.0 200 OK\r\n\r\nabc");
  until_close.lose(kToClient, 100);
  until_close.server("HTTP/1.1 200 no response");
  until_close.close_both();
  EXPECT_EQ(in_order(until_close.messages()), "GET /a 0 | 200 127");
}

TEST(Http, GapInAHeadLosesThatMessageOnly) {
  Drive d(kHttp);
  d.client(kGet + "POST /p HTTP/1.1\r\nContent-Len");
  d.lose(kToServer, 10);
  d.client("\r\n\r\nkey=valueGET /b HTTP/1.1\r\n\r\n");
  d.server(kOk + "HTTP/1.1 2");
  d.lose(kToClient, 30);
  d.server("loHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(in_order(d.messages()), "GET /a 0 | GET /b 0 | 200 5 | 404 0 error");
  EXPECT_EQ(d.violations(), std::vector<std::string>{});
}

TEST(Http, OfAClientThatTakesTurnsNothingIsAnAnswerBeforeItsNextRequest) {
  Drive d(kHttp);
  d.client(kGet);
  d.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  d.lose(kToClient, 20);
  d.server("It says:\nHTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno\r\n0\r\n\r\n");
  d.client(kGetB);
  d.server(kOk);
  EXPECT_EQ(in_order(d.messages()), "GET /a 0 | GET /b 0 | 200 ? | 200 5");
}

TEST(Http, AfterALossAQuotedHeadWithoutAnEndIsNone) {
  Drive d(kHttp);
  d.client(kGet + kGetB);
  d.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  d.lose(kToClient, 20);
  d.server("It says:\nHTTP/1.1 500 Oh\r\nServer: a\r\n\r\nno\r\n0\r\n\r\n" + kOk);
  EXPECT_EQ(in_order(d.messages()), "GET /a 0 | GET /b 0 | 200 ? | 200 5");
}

TEST(Http, GapInChunkFramingEndsTheMessage) {
  Drive d(kHttp);
  d.client(kGet + kGetB);
  d.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  d.lose(kToClient, 20);
  d.server("more\r\n0\r\n\r\n" + kOk);
  ASSERT_EQ(in_order(d.messages()), "GET /a 0 | GET /b 0 | 200 ? | 200 5");
  EXPECT_EQ(d.messages()[2].end, 57u);
}

TEST(Http, AfterALossAHeadResponseIsNotMistaken) {
  Drive d(kHttp);
  d.lose(kToServer, 100);
  d.client("HEAD /h HTTP/1.1\r\n\r\n");
  d.server("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
  d.client(kGet);
  d.server(kOk);
  d.client(kGetB);
  d.server(kNotFound);
  EXPECT_EQ(brief(d.messages()), "HEAD /h 0 | 200 0 | GET /a 0 | 200 5 | GET /b 0 | 404 0 error");
}

TEST(Http, JoinedInTheMiddle) {
  for (const auto& chunking : {test::whole(), test::one_byte()}) {
    Drive d(kHttp, Transport::kTcp, Limits{}, chunking);
    d.join(kToServer);
    d.join(kToClient);
    d.server("rest of a body HTTP/1.x HTTP/2.0 200 no");
    d.client("tail=1");
    d.client(kGet);
    d.server(kOk);
    EXPECT_EQ(brief(d.messages()), "GET /a 0 | 200 5");
  }
}

TEST(Http, ResponseWithoutARequestCarriesItsVersion) {
  const auto m = decode({server("HTTP/1.0 408 Request Timeout\r\n\r\n")});
  ASSERT_EQ(m.size(), 1u);
  EXPECT_EQ(m[0].field("network.protocol.version"), "1.0");
  EXPECT_EQ(m[0].status, Status::kError);
}

TEST(Http, GarbageIsPassedOver) {
  const auto m = decode({client(kGet + "\x01\x02 garbage\r\n" + kGetB), server(kOk)});
  EXPECT_EQ(in_order(m), "GET /a 0 | GET /b 0 | 200 5");
}

TEST(Http, HeadBeyondItsLimit) {
  Drive d(kHttp, Transport::kTcp, Limits{.head_bytes = 1000});
  d.client("GET /big HTTP/1.1\r\nCookie: " + std::string(2000, 'c') + "\r\n\r\n" + kGet);
  EXPECT_EQ(brief(d.messages()), "GET /a 0");
  EXPECT_GE(d.invalid_count(), 1u);
}

TEST(Http, ManyPipelinedKeepTheirKinds) {
  std::string ask, answers;
  for (int i = 0; i < 1000; ++i) {
    ask += i % 3 == 0 ? "HEAD / HTTP/1.1\r\n\r\n" : "GET / HTTP/1.1\r\n\r\n";
    answers += i % 3 == 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" : kOk;
  }
  Drive d(kHttp);
  d.client(ask);
  d.server(answers);
  EXPECT_EQ(d.messages().size(), 2000u);
  EXPECT_EQ(d.invalid_count(), 0u);
}

TEST(Http, Match) {
  struct Case {
    std::string_view head;
    Direction direction;
    Match match;
  };
  const std::string long_get = "GET /" + std::string(5000, 'x');
  const Case cases[] = {
      {"GET / HTTP/1.1\r\n", kToServer, Match::kYes},
      {"\r\nGET / HTTP/1.0\n", kToServer, Match::kYes},
      {"PROPFIND /x HTTP/1.1\r\n", kToServer, Match::kYes},
      {"FOO-BAR x HTTP/1.1\r\n", kToServer, Match::kYes},
      {std::string_view(long_get).substr(0, 4096), kToServer, Match::kYes},
      {"GE", kToServer, Match::kNeedMore},
      {"GET /aaa", kToServer, Match::kNeedMore},
      {"", kToServer, Match::kNeedMore},
      {"GET foo\r\n", kToServer, Match::kNo},
      {"PING\r\n", kToServer, Match::kNo},
      {"*1\r\n$4\r\nPING\r\n", kToServer, Match::kNo},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", kToServer, Match::kNo},
      {"OPTIONS rtsp://h/ RTSP/1.0\r\n", kToServer, Match::kNo},
      {"INVITE sip:a@b SIP/2.0\r\n", kToServer, Match::kNo},
      {"REQMOD icap://h/ ICAP/1.0\r\n", kToServer, Match::kNo},
      {"\x16\x03\x01\x02", kToServer, Match::kNo},
      {"HTTP/1.1 200 OK\r\n", kToServer, Match::kNo},
      {"HTTP/1.1 200", kToClient, Match::kYes},
      {"HTTP/1.0 404 Not Found\r\n", kToClient, Match::kYes},
      {"HTTP/1.", kToClient, Match::kNeedMore},
      {"HTTP/2 200\r\n", kToClient, Match::kNo},
      {"HTTP/1.1 2x0", kToClient, Match::kNo},
      {"RTSP/1.0 200 OK\r\n", kToClient, Match::kNo},
      {"SIP/2.0 200 OK\r\n", kToClient, Match::kNo},
      {"+PONG\r\n", kToClient, Match::kNo},
      {"GET / HTTP/1.1\r\n", kToClient, Match::kNo},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(kHttp.match(as_bytes(c.head), c.direction, Transport::kTcp), c.match)
        << c.head.substr(0, 40);
    EXPECT_EQ(kHttp.match(as_bytes(c.head), c.direction, Transport::kUdp), Match::kNo);
  }
}

}  // namespace
}  // namespace weir
