#include <gtest/gtest.h>

#include <algorithm>

#include "contract/drive.h"
#include "protocol/http2_streams.h"
#include "protocol/registry.h"
#include "unit/protocol/http2_builder.h"

namespace weir::test {
namespace {

using h2::answer;
using h2::call;
using h2::data;
using h2::message;
using h2::request;

// Both ends of a connection and the decoder between them.
class Http2 : public testing::Test {
 protected:
  void begin() {
    drive.client(std::string(h2::kPreface) + h2::settings());
    drive.server(h2::settings() + h2::frame(4, 1, 0));
  }
  const OwnedMessage& last() const { return drive.messages().back(); }
  const OwnedMessage& at(std::size_t index) const { return drive.messages().at(index); }
  std::size_t count() const { return drive.messages().size(); }

  Drive drive{kHttp2};
  h2::End client, server;
};

const h2::Fields kGrpcAnswer = answer(200, {{"content-type", "application/grpc"}});

TEST_F(Http2, HeadsWithoutBodies) {
  begin();
  drive.client(client.headers(1, request("/a?b=c"), true));
  drive.server(server.headers(1, answer(204, {{"set-cookie", "a"}, {"set-cookie", "b"}}), true));
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(at(0).field("http.request.method"), "GET");
  EXPECT_EQ(at(0).field("url.path"), "/a");
  EXPECT_EQ(at(0).field("url.query"), "b=c");
  EXPECT_EQ(at(0).field("http.request.header.host"), "h2.test");
  EXPECT_EQ(at(0).field("weir.stream_id"), "1");
  EXPECT_EQ(at(0).size_bytes, 0u);
  EXPECT_EQ(at(1).field("http.response.status_code"), "204");
  EXPECT_EQ(at(1).size_bytes, 0u);
  EXPECT_EQ(at(1).stream_id, 1u);
  EXPECT_EQ(drive.violations(), std::vector<std::string>{});
}

TEST_F(Http2, BodiesOfManyStreamsAreSkippedAndCounted) {
  begin();
  std::string asked, heads, bodies;
  for (std::uint32_t id = 1; id < 601; id += 2) {
    asked += client.headers(id, request("/" + std::to_string(id)), true);
    heads += server.headers(id, answer(id % 3 == 0 ? 500 : 200));
  }
  for (std::uint32_t id = 599; id > 0 && id < 600; id -= 2) {
    bodies += data(id, std::string(id, 'x')) + data(id, std::string(1000, 'y'), true);
  }
  drive.client(asked);
  drive.server(heads + bodies);
  ASSERT_EQ(count(), 600u);
  for (std::size_t i = 0; i < 300; ++i) {
    const OwnedMessage& response = at(300 + i);
    EXPECT_EQ(response.stream_id, 2 * i + 1);
    EXPECT_EQ(response.size_bytes, 1000 + 2 * i + 1);
    EXPECT_EQ(response.status, (2 * i + 1) % 3 == 0 ? Status::kError : Status::kOk);
  }
}

TEST_F(Http2, CredentialsAreNeverShown) {
  begin();
  drive.client(client.headers(1,
                              request("/a?Signature=secret&x=1", "GET",
                                      {{"authorization", "Bearer secret"},
                                       {"cookie", "id=secret"},
                                       {"proxy-authorization", "secret"}}),
                              true));
  drive.server(server.headers(1, answer(200, {{"set-cookie", "secret"}}), true));
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(drive.dump().find("secret"), std::string::npos) << drive.dump();
  EXPECT_EQ(at(0).field("url.query"), "Signature=REDACTED&x=1");
}

TEST_F(Http2, InterimAnswersAndTrailers) {
  begin();
  drive.client(h2::all({client.headers(1, request("/", "POST")), data(1, "abc"),
                        client.headers(1, {{"x-sum", "1"}}, true)}));
  drive.server(h2::all({server.headers(1, answer(100)), server.headers(1, answer(103)),
                        server.headers(1, answer(200)), data(1, "12"),
                        server.headers(1, {{"x-sum", "2"}}, true)}));
  ASSERT_EQ(count(), 4u);
  EXPECT_EQ(at(0).size_bytes, 3u);
  EXPECT_EQ(at(1).kind, MessageKind::kInterim);
  EXPECT_EQ(at(2).kind, MessageKind::kInterim);
  EXPECT_EQ(at(3).size_bytes, 2u);
  EXPECT_EQ(at(3).status, Status::kOk);
}

TEST_F(Http2, APushIsAnAnswerThatNobodyAskedFor) {
  begin();
  drive.client(client.headers(1, request("/"), true));
  drive.server(
      h2::all({h2::frame(5, h2::kEndHeaders, 1, h2::number(2, 4) + server.block(request("/s"))),
               server.headers(1, answer(200)), server.headers(2, answer(404)),
               data(2, "none", true), data(1, "page", true)}));
  ASSERT_EQ(count(), 3u);
  EXPECT_EQ(at(1).kind, MessageKind::kUnpaired);
  EXPECT_EQ(at(1).field("url.path"), "/s");
  EXPECT_EQ(at(1).field("http.response.status_code"), "404");
  EXPECT_EQ(at(1).field("weir.http2.pushed"), "1");
  EXPECT_EQ(at(1).size_bytes, 4u);
  EXPECT_EQ(at(1).status, Status::kError);
  EXPECT_EQ(at(2).field("http.response.status_code"), "200");
}

TEST_F(Http2, ResetsEndWhatTheyReset) {
  begin();
  drive.client(h2::all({client.headers(1, request("/refused"), true),
                        client.headers(3, request("/cut"), true),
                        client.headers(5, request("/slow", "POST")), data(5, "ab")}));
  drive.server(h2::reset(1, 7) + server.headers(3, answer(200)) + data(3, "part"));
  EXPECT_EQ(at(3).kind, MessageKind::kResponse);
  EXPECT_EQ(at(3).status, Status::kError);
  EXPECT_EQ(at(3).field("weir.http2.reset"), "REFUSED_STREAM");
  drive.client(h2::reset(3, 8) + h2::reset(5, 8));
  drive.server(data(3, "late", true) + server.headers(5, answer(200), true));
  ASSERT_EQ(count(), 6u) << drive.dump();
  EXPECT_EQ(at(2).size_bytes, 2u);
  EXPECT_EQ(at(4).status, Status::kError);
  EXPECT_EQ(at(4).field("weir.http2.reset"), "CANCEL");
  EXPECT_EQ(at(4).size_bytes, 4u);
  EXPECT_EQ(at(5).kind, MessageKind::kCancel);
  EXPECT_EQ(at(5).stream_id, 5u);
}

TEST_F(Http2, GoawayTakesBackWhatWasNotLookedAt) {
  begin();
  drive.client(
      h2::all({client.headers(1, request("/a"), true), client.headers(3, request("/b"), true)}));
  drive.server(h2::goaway(1, 11) + server.headers(1, answer(200), true));
  ASSERT_EQ(count(), 4u);
  EXPECT_EQ(at(2).kind, MessageKind::kCancel);
  EXPECT_EQ(at(2).stream_id, 3u);
  EXPECT_EQ(at(2).field("weir.http2.goaway"), "ENHANCE_YOUR_CALM");
  EXPECT_EQ(at(3).stream_id, 1u);
}

TEST_F(Http2, ResponseEndsTheRequestThatIsStillBeingSent) {
  begin();
  drive.client(client.headers(1, request("/up", "PUT")) + data(1, "12345"));
  drive.server(server.headers(1, answer(413), true) + h2::reset(1, 0));
  drive.client(data(1, "678", true));
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(at(0).size_bytes, 5u);
  EXPECT_NE(at(0).end, Message::kOpenEnd);
}

TEST_F(Http2, GrpcUnary) {
  begin();
  drive.client(client.headers(1, call("/pkg.Svc/Do", {{"grpc-timeout", "1500m"}})) +
               data(1, message("abc"), true));
  drive.server(h2::all({server.headers(1, kGrpcAnswer), data(1, message("hello")),
                        server.headers(1, {{"grpc-status", "0"}}, true)}));
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(at(0).vocabulary->name, "grpc");
  EXPECT_EQ(at(0).field("rpc.method"), "pkg.Svc/Do");
  EXPECT_EQ(at(0).field("weir.grpc.timeout_ns"), "1500000000");
  EXPECT_EQ(at(0).field("weir.grpc.request.messages"), "1");
  EXPECT_EQ(at(0).field("weir.grpc.request.message_bytes"), "3");
  EXPECT_EQ(at(1).vocabulary->name, "grpc");
  EXPECT_EQ(at(1).field("rpc.response.status_code"), "OK");
  EXPECT_EQ(at(1).field("weir.grpc.response.message_bytes"), "5");
  EXPECT_EQ(at(1).status, Status::kOk);
  EXPECT_FALSE(at(1).has("error.message"));
}

TEST_F(Http2, GrpcErrorsInTrailersAndAlone) {
  begin();
  drive.client(client.headers(1, call("/s/A")) + data(1, message(""), true));
  drive.server(
      h2::all({server.headers(1, kGrpcAnswer),
               server.headers(1, {{"grpc-status", "5"}, {"grpc-message", "not%20there%"}}, true)}));
  EXPECT_EQ(last().status, Status::kError);
  EXPECT_EQ(last().field("rpc.response.status_code"), "NOT_FOUND");
  EXPECT_EQ(last().field("error.message"), "not there%");
  drive.client(client.headers(3, call("/s/B")) + data(3, message(""), true));
  h2::Fields alone = kGrpcAnswer;
  alone.emplace_back("grpc-status", "12");
  drive.server(server.headers(3, alone, true));
  EXPECT_EQ(last().field("rpc.response.status_code"), "UNIMPLEMENTED") << drive.dump();
  EXPECT_EQ(last().status, Status::kError);
  // What a proxy says instead of the service.
  drive.client(client.headers(5, call("/s/C")) + data(5, message(""), true));
  drive.server(server.headers(5, answer(503)) + data(5, "sorry", true));
  EXPECT_EQ(last().vocabulary->name, "grpc");
  EXPECT_EQ(last().field("http.response.status_code"), "503");
  EXPECT_EQ(last().status, Status::kError);
  EXPECT_EQ(count(), 6u);
}

TEST_F(Http2, GrpcMessagesAreCountedWhereverFramesCutThem) {
  const std::string stream = message(std::string(300, 'a')) + message("") + message("bc");
  for (std::size_t size = 1; size < 12; ++size) {
    Drive one(kHttp2);
    h2::End end, other;
    one.client(std::string(h2::kPreface) + h2::settings() + end.headers(1, call("/s/Up")));
    one.server(h2::settings());
    for (std::size_t at = 0; at < stream.size(); at += size) {
      one.client(h2::frame(0, 8, 1, std::string(1, '\2') + stream.substr(at, size) + "pp"));
    }
    one.client(data(1, "", true));
    one.server(h2::all({other.headers(1, kGrpcAnswer), data(1, stream),
                        other.headers(1, {{"grpc-status", "0"}}, true)}));
    ASSERT_EQ(one.messages().size(), 2u);
    EXPECT_EQ(one.messages()[0].field("weir.grpc.request.messages"), "3");
    EXPECT_EQ(one.messages()[0].field("weir.grpc.request.message_bytes"), "302");
    EXPECT_EQ(one.messages()[0].size_bytes, stream.size());
    EXPECT_EQ(one.messages()[1].field("weir.grpc.response.messages"), "3");
  }
}

TEST_F(Http2, JoinedInTheMiddleShowsWhatIsKnown) {
  (void)client.headers(1, call("/pkg.Svc/Do"));
  (void)server.headers(1, kGrpcAnswer);
  const std::string asked =
      client.headers(4001, call("/pkg.Svc/Do")) + data(4001, message("x"), true);
  ASSERT_EQ(kHttp2.match(as_bytes(asked), Direction::kToServer, Transport::kTcp), Match::kYes);
  ASSERT_EQ(kHttp2.match(as_bytes(asked), Direction::kToClient, Transport::kTcp), Match::kNo);
  drive.client(asked);
  drive.join(Direction::kToClient);
  drive.server(
      h2::all({"the rest of something", server.headers(4001, kGrpcAnswer), data(4001, message("y")),
               server.headers(4001, {{"grpc-status", "0"}}, true)}));
  ASSERT_EQ(count(), 2u) << drive.dump();
  EXPECT_EQ(at(0).quality, Quality::kLateJoin);
  EXPECT_EQ(at(0).field("http.request.method"), "POST");
  EXPECT_EQ(at(0).field("url.scheme"), "http");
  EXPECT_EQ(at(0).field("url.path"), "/pkg.Svc/Do");  // libnghttp2 puts no path into the table
  EXPECT_FALSE(at(0).has("http.request.header.host"));
  EXPECT_EQ(at(0).field("weir.http2.unknown_fields"), "2");
  EXPECT_EQ(at(0).field("weir.stream_id"), "4001");
  EXPECT_EQ(at(1).stream_id, 4001u);
  // grpc-status is new to the table: what it says of this call is known.
  EXPECT_EQ(at(1).quality, Quality::kLateJoin);
}

TEST_F(Http2, AfterALossTheNextFramesAreFound) {
  begin();
  drive.client(
      h2::all({client.headers(1, request("/a"), true), client.headers(3, request("/b"), true)}));
  drive.server(server.headers(1, answer(200)));
  drive.lose(Direction::kToClient, 500);
  (void)server.headers(99, answer(200, {{"x", "lost"}}));
  drive.server(std::string(200, 'x') + server.headers(3, answer(404, {{"x", "lost"}}), true));
  ASSERT_EQ(count(), 4u);
  EXPECT_EQ(last().stream_id, 3u);
  EXPECT_EQ(last().field("http.response.status_code"), "404");
  drive.close_both();
  EXPECT_NE(at(2).end, Message::kOpenEnd);
  EXPECT_FALSE(at(2).size_bytes.has_value());
}

// What was lost of an answer is not told as nothing.
TEST_F(Http2, TrailersAreNoWholeAnswerWhereTheHeadWasLost) {
  begin();
  drive.client(h2::all({client.headers(1, call("/pkg.Svc/Do")), data(1, "", true)}));
  drive.lose(Direction::kToClient, 120);
  const std::string ping = h2::frame(6, 0, 0, std::string(8, 'p'));
  drive.server(server.headers(1, {{"grpc-status", "0"}}, true) + ping + ping);
  ASSERT_EQ(count(), 2u) << drive.dump();
  EXPECT_EQ(at(1).quality, Quality::kGap);
  EXPECT_EQ(at(1).status, Status::kOk);
  EXPECT_EQ(at(1).field("rpc.response.status_code"), "OK");
  EXPECT_FALSE(at(1).has("weir.grpc.response.messages"));
}

// The table is still right where a loss can have taken no head with it.
TEST_F(Http2, ALossWithoutHeadsCostsNothing) {
  begin();
  drive.client(client.headers(1, request("/a", "GET", {{"x-more", "1"}}), true));
  drive.server(server.headers(1, answer(200, {{"server", "test"}})) + data(1, "begun"));
  drive.lose(Direction::kToServer, 17);
  drive.lose(Direction::kToClient, 50);
  drive.client(client.headers(3, request("/b", "GET", {{"x-more", "1"}}), true));
  drive.server(data(1, "end", true) + server.headers(3, answer(200, {{"server", "test"}}), true));
  ASSERT_EQ(count(), 4u);
  EXPECT_EQ(at(2).quality, Quality::kComplete);
  EXPECT_EQ(at(3).quality, Quality::kComplete);
  EXPECT_FALSE(at(1).size_bytes.has_value());
}

TEST_F(Http2, AnEndWithoutErrorIsNoneWhereTheAnswerWasLost) {
  begin();
  drive.client(
      h2::all({client.headers(1, request("/a", "PUT")), client.headers(3, request("/b", "PUT"))}));
  drive.server(server.headers(1, answer(200)));
  drive.lose(Direction::kToClient, 100);
  drive.server(h2::reset(1, 0) + h2::reset(3, 0));
  ASSERT_EQ(count(), 4u) << drive.dump();
  EXPECT_EQ(at(2).status, Status::kOk);
  EXPECT_EQ(at(3).kind, MessageKind::kCancel);
}

// A stream whose end was lost must not be remembered for good.
TEST_F(Http2, WhatALossLeftOpenEnds) {
  begin();
  drive.client(client.headers(1, request("/a"), true));
  drive.server(server.headers(1, answer(200)) + data(1, "begun"));
  drive.lose(Direction::kToClient, 100);
  for (std::uint32_t id = 3; id < 1200; id += 2) {
    drive.client(client.headers(id, request("/b"), true));
    drive.server(server.headers(id, answer(200), true));
  }
  EXPECT_NE(at(1).end, Message::kOpenEnd);
  EXPECT_EQ(at(1).stream_id, 1u);
}

// Of a server that is heard alone.
TEST_F(Http2, AnswersWithoutRequests) {
  drive.server(h2::all({h2::settings(), server.headers(1, answer(200)), data(1, "body", true),
                        server.headers(3, answer(404), true)}));
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(at(0).stream_id, 1u);
  EXPECT_FALSE(at(0).has("weir.http2.upgraded"));
  EXPECT_EQ(at(0).field("weir.stream_id"), "1");
  EXPECT_EQ(at(0).size_bytes, 4u);
  EXPECT_EQ(at(1).status, Status::kError);
}

TEST(Http2Match, ClaimsWhatIsUnmistakable) {
  const auto match = [](std::string_view head, Direction direction) {
    return kHttp2.match(as_bytes(head), direction, Transport::kTcp);
  };
  EXPECT_EQ(match(h2::kPreface, Direction::kToServer), Match::kYes);
  EXPECT_EQ(match(h2::kPreface.substr(0, 10), Direction::kToServer), Match::kNeedMore);
  EXPECT_EQ(match("PRI * HTTP/1.1\r\n", Direction::kToServer), Match::kNo);
  EXPECT_EQ(match(h2::settings(), Direction::kToClient), Match::kYes);
  EXPECT_EQ(match(std::string(64, '\0'), Direction::kToClient), Match::kNo);
  h2::End end;
  const std::string first = h2::frame(8, 0, 0, h2::number(100, 4));
  EXPECT_EQ(match(first, Direction::kToServer), Match::kNeedMore);
  EXPECT_EQ(match(first + end.headers(7, request("/"), true), Direction::kToServer), Match::kYes);
  EXPECT_EQ(match("GET / HTTP/1.1\r\n", Direction::kToServer), Match::kNo);
}

TEST(Http2Streams, FindsTheOpenOnesInAnyOrderOfTheirEnds) {
  Http2Streams streams;
  EXPECT_EQ(streams.oldest(), nullptr);
  for (std::uint32_t id = 1; id <= 2 * Http2Streams::kMost; id += 2) streams.open(id);
  EXPECT_TRUE(streams.full());
  std::uint32_t seed = 1;
  std::vector<bool> gone(Http2Streams::kMost);
  for (int i = 0; i < 20000; ++i) {
    seed = seed * 1664525 + 1013904223;
    const std::uint32_t index = (seed >> 8) % Http2Streams::kMost;
    Http2Stream* const stream = streams.find(2 * index + 1);
    ASSERT_EQ(stream == nullptr, gone[index]);
    if (stream && i % 2 == 0) {
      streams.remove(*stream);
      gone[index] = true;
    } else if (!stream) {
      streams.open(2 * index + 1);
      gone[index] = false;
    } else {
      streams.hear(*stream);
    }
  }
  std::size_t left = 0;
  streams.each([&](Http2Stream&) { ++left; });
  EXPECT_EQ(left, static_cast<std::size_t>(std::count(gone.begin(), gone.end(), false)));
}

}  // namespace
}  // namespace weir::test
