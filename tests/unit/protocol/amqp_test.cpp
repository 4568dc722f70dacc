#include <gtest/gtest.h>

#include <string>

#include "contract/drive.h"
#include "protocol/amqp_unsettled.h"
#include "protocol/registry.h"

namespace weir {
namespace {

using namespace std::string_literals;
using Direction::kToClient;
using Direction::kToServer;
using test::Drive;
using test::OwnedMessage;

std::string be(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}
std::string text(const std::string& t) { return be(t.size(), 1) + t; }
std::string frame(int type, unsigned channel, const std::string& payload) {
  return be(static_cast<unsigned>(type), 1) + be(channel, 2) + be(payload.size(), 4) + payload +
         "\xce";
}
std::string method(unsigned channel, unsigned group, unsigned id, const std::string& arguments) {
  return frame(1, channel, be(group, 2) + be(id, 2) + arguments);
}
std::string header(unsigned channel, std::uint64_t size) {
  return frame(2, channel, be(60, 2) + be(0, 2) + be(size, 8) + be(0, 2));
}
std::string publish(unsigned channel, const std::string& key, const std::string& body) {
  return method(channel, 60, 40, be(0, 2) + text("") + text(key) + be(0, 1)) +
         header(channel, body.size()) + (body.empty() ? "" : frame(3, channel, body));
}
std::string deliver(unsigned channel, std::uint64_t tag, const std::string& body) {
  return method(channel, 60, 60, text("c") + be(tag, 8) + be(0, 1) + text("") + text("q")) +
         header(channel, body.size()) + frame(3, channel, body);
}
std::string settle(unsigned id, std::uint64_t tag, unsigned bits) {
  return method(1, 60, id, be(tag, 8) + be(bits, 1));
}
std::string declare(const std::string& queue) {
  return method(1, 50, 10, be(0, 2) + text(queue) + be(0, 1) + be(0, 4));
}
std::string declared(const std::string& queue) { return method(1, 50, 11, text(queue) + be(0, 8)); }
std::string close_for(unsigned code, const std::string& why, unsigned group, unsigned id) {
  return method(1, 20, 40, be(code, 2) + text(why) + be(group, 2) + be(id, 2));
}

// A connection with channel 1; what that took to say is forgotten.
struct Amqp : Drive {
  explicit Amqp(bool confirms = false, bool consumes = false) : Drive(kAmqp) {
    client("AMQP\0\0\x09\x01"s + method(1, 20, 10, text("")));
    server(method(1, 20, 11, be(0, 4)));
    if (confirms) client(method(1, 85, 10, be(0, 1)));
    if (confirms) server(method(1, 85, 11, ""));
    if (consumes) {
      client(method(1, 60, 20, be(0, 2) + text("q") + text("c") + be(0, 1) + be(0, 4)));
      server(method(1, 60, 21, text("c")));
    }
    before = messages().size();
  }
  std::vector<OwnedMessage> told() const {
    return {messages().begin() + static_cast<std::ptrdiff_t>(before), messages().end()};
  }

  std::size_t before = 0;
};

TEST(Amqp, UnconfirmedPublishIsNotAnsweredByWhatComesNext) {
  Amqp drive;
  drive.client(publish(1, "q", "body") + method(1, 60, 10, be(0, 7)));
  drive.server(method(1, 60, 11, ""));
  const auto told = drive.told();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].kind, MessageKind::kOneWay);
  EXPECT_EQ(told[0].size_bytes, 4u);
  EXPECT_EQ(told[2].stream_id, told[1].stream_id);
  EXPECT_EQ(told[2].field("weir.amqp.reply"), "basic.qos-ok");
}

TEST(Amqp, OneAcknowledgmentAnswersAllPublishes) {
  Amqp drive(true);
  drive.client(publish(1, "q", "1") + publish(1, "q", "2") + publish(1, "q", "") +
               publish(1, "q", "4"));
  drive.server(settle(80, 2, 0) + settle(80, 3, 1) + settle(120, 4, 0));
  const auto told = drive.told();
  ASSERT_EQ(told.size(), 8u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(told[i].kind, MessageKind::kRequest);
  const std::size_t answers[] = {1, 0, 2, 3};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(told[4 + i].kind, MessageKind::kResponse);
    EXPECT_EQ(told[4 + i].stream_id, told[answers[i]].stream_id) << i;
  }
  EXPECT_EQ(told[7].status, Status::kError);
}

TEST(Amqp, DeliveriesAreAnsweredByTheClient) {
  Amqp drive(false, true);
  drive.server(deliver(1, 1, "one") + deliver(1, 2, "two") + deliver(1, 3, "three"));
  drive.client(settle(80, 0, 1));
  drive.client(settle(80, 3, 0));  // known no more
  const auto told = drive.told();
  ASSERT_EQ(told.size(), 7u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(told[i].kind, MessageKind::kRequest);
    EXPECT_EQ(told[i].direction, kToClient);
    EXPECT_EQ(told[i].field("messaging.destination.name"), "q");
    EXPECT_EQ(told[3 + i].stream_id, told[i].stream_id);
    EXPECT_EQ(told[3 + i].direction, kToServer);
  }
  EXPECT_EQ(told[6].kind, MessageKind::kInterim);
}

TEST(Amqp, AnExceptionAnswersWhatCausedIt) {
  Amqp drive;
  drive.client(declare("one") + declare("two"));
  drive.server(declared("one") + close_for(404, "NOT_FOUND - no", 50, 10));
  drive.client(method(1, 20, 41, ""));
  const auto told = drive.told();
  ASSERT_EQ(told.size(), 6u);
  EXPECT_EQ(told[2].stream_id, told[0].stream_id);
  EXPECT_EQ(told[3].stream_id, told[1].stream_id);
  EXPECT_EQ(told[3].status, Status::kError);
  EXPECT_EQ(told[3].field("error.type"), "NOT_FOUND");
  EXPECT_EQ(told[3].field("error.message"), "NOT_FOUND - no");
  EXPECT_EQ(told[4].field("messaging.operation.name"), "channel.close");
  EXPECT_EQ(told[5].stream_id, told[4].stream_id);
  EXPECT_EQ(told[5].status, Status::kError);
}

TEST(Amqp, WhatAClosedChannelLeavesOpenIsCancelled) {
  Amqp drive(true, true);
  drive.client(publish(1, "q", "p"));
  drive.server(deliver(1, 1, "d"));
  drive.client(close_for(200, "bye", 0, 0));
  drive.server(method(1, 20, 41, ""));
  const auto told = drive.told();
  ASSERT_EQ(told.size(), 6u);
  EXPECT_EQ(told[4].kind, MessageKind::kCancel);
  EXPECT_EQ(told[4].stream_id, told[0].stream_id);
  EXPECT_EQ(told[5].kind, MessageKind::kCancel);
  EXPECT_EQ(told[5].stream_id, told[1].stream_id);
}

TEST(Amqp, AfterALossTagsAreNotGuessed) {
  Amqp drive(true);
  drive.client(publish(1, "q", "1"));
  drive.lose(kToServer, 50);
  drive.client(publish(1, "q", "3"));
  drive.server(settle(80, 1, 0) + settle(80, 2, 0) + settle(120, 3, 0));
  const auto told = drive.told();
  ASSERT_EQ(told.size(), 5u);
  EXPECT_EQ(told[1].kind, MessageKind::kOneWay);
  EXPECT_EQ(told[1].quality, Quality::kLateJoin);
  EXPECT_EQ(told[2].stream_id, told[0].stream_id);
  EXPECT_EQ(told[3].kind, MessageKind::kInterim);
  EXPECT_EQ(told[4].kind, MessageKind::kUnpaired);
  EXPECT_EQ(told[4].status, Status::kError);
}

TEST(Amqp, AfterALossAnAnswerIsNotGivenToTheNextQuestion) {
  Amqp drive;
  drive.client(declare("one"));
  drive.lose(kToClient, declared("one").size());
  drive.client(declare("two"));
  drive.server(declared("two"));
  const auto told = drive.told();
  ASSERT_EQ(told.size(), 4u);
  EXPECT_EQ(told[1].kind, MessageKind::kCancel);
  EXPECT_EQ(told[1].stream_id, told[0].stream_id);
  EXPECT_EQ(told[3].stream_id, told[2].stream_id);
}

TEST(Amqp, JoinedLate) {
  Drive drive(kAmqp);
  drive.join(kToServer);
  drive.join(kToClient);
  drive.client("the rest of a body\xce" + publish(1, "q", "body"));
  drive.server("rest\xce" + deliver(1, 7, "body") + declared("q"));
  ASSERT_EQ(drive.messages().size(), 3u);
  for (const OwnedMessage& message : drive.messages()) {
    EXPECT_EQ(message.quality, Quality::kLateJoin) << message.text();
  }
  EXPECT_EQ(drive.messages()[0].kind, MessageKind::kOneWay);
  EXPECT_EQ(drive.messages()[1].kind, MessageKind::kUnpaired);
}

TEST(Amqp, BodiesAreSkipped) {
  Amqp drive;
  std::string all =
      method(1, 60, 40, be(0, 2) + text("e") + text("k") + be(0, 1)) + header(1, 300000);
  for (int i = 0; i < 3; ++i) all += frame(3, 1, std::string(100000, 'b'));
  for (std::size_t at = 0; at < all.size(); at += 1000) drive.client(all.substr(at, 1000));
  ASSERT_EQ(drive.told().size(), 1u);
  EXPECT_EQ(drive.told()[0].size_bytes, 300000u);
  EXPECT_EQ(drive.told()[0].end - drive.told()[0].begin, all.size());
  EXPECT_GT(drive.skipped_bytes(), 290000u);
}

TEST(Amqp, CredentialsAreNotShown) {
  Drive drive(kAmqp);
  drive.server(method(0, 10, 10, be(9, 2) + be(0, 4) + be(5, 4) + "PLAIN" + be(0, 4)));
  drive.client(
      method(0, 10, 11, be(0, 4) + text("PLAIN") + be(12, 4) + "\0user\0hunter"s + text("en_US")) +
      method(0, 10, 70, be(9, 4) + "newhunter" + text("why")));
  ASSERT_EQ(drive.messages().size(), 3u);
  EXPECT_EQ(drive.messages()[1].field("weir.amqp.mechanism"), "PLAIN");
  EXPECT_EQ(drive.dump().find("hunter"), std::string::npos);
  EXPECT_EQ(drive.dump().find("user"), std::string::npos);
}

TEST(AmqpUnsettled, KeepsRoomForWhatIsOpenOnly) {
  AmqpUnsettled unsettled;
  std::vector<std::uint64_t> seen;
  const auto each = [&](std::uint64_t tag, std::uint64_t, bool) { seen.push_back(tag); };
  unsettled.push(1, 11);
  for (std::uint64_t tag = 2; tag < 5000; ++tag) {
    unsettled.push(tag, tag + 10);
    EXPECT_EQ(unsettled.settle(tag, false, each), 1u);
    EXPECT_EQ(unsettled.settle(tag, false, each), 0u);
  }
  EXPECT_EQ(unsettled.open(), 1u);
  EXPECT_EQ(unsettled.settle(0, true, each), 1u);
  EXPECT_EQ(seen.back(), 1u);
}

}  // namespace
}  // namespace weir
