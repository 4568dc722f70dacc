#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "contract/drive.h"
#include "contract/golden.h"
#include "protocol/kafka_schema.h"
#include "protocol/registry.h"

namespace weir {
namespace {

using Direction::kToClient;
using Direction::kToServer;
using test::Drive;
using test::OwnedMessage;

std::string be(std::uint64_t number, int width) {
  std::string out;
  for (int i = width - 1; i >= 0; --i) out += i < 8 ? static_cast<char>(number >> (8 * i)) : char{};
  return out;
}
std::string text(std::string_view t) { return be(t.size(), 2) + std::string(t); }
std::string framed(const std::string& body) { return be(body.size(), 4) + body; }

std::string request(int key, int version, int correlation, const std::string& body,
                    const std::string& client = text("c-1")) {
  return framed(be(static_cast<std::uint64_t>(key), 2) +
                be(static_cast<std::uint64_t>(version), 2) +
                be(static_cast<std::uint64_t>(correlation), 4) + client + body);
}
std::string answer(int correlation, const std::string& body) {
  return framed(be(static_cast<std::uint64_t>(correlation), 4) + body);
}

std::string batch(std::uint64_t messages, std::size_t payload) {
  const std::string rest = be(0, 4) + '\x02' + be(1, 4) + be(0, 2) + be(messages - 1, 4) +
                           be(0, 16) + be(~0ull, 8) + be(~0ull, 2) + be(~0ull, 4) +
                           be(messages, 4) + std::string(payload, 'r');
  return be(0, 8) + be(rest.size(), 4) + rest;
}
std::string produce(int correlation, int acks, const std::string& records,
                    const std::string& topic = "my.topic") {
  return request(0, 7, correlation,
                 be(0xffff, 2) + be(static_cast<std::uint64_t>(acks), 2) + be(30000, 4) + be(1, 4) +
                     text(topic) + be(1, 4) + be(5, 4) + be(records.size(), 4) + records);
}
std::string produced(int correlation, int error = 0) {
  return answer(correlation, be(1, 4) + text("my.topic") + be(1, 4) + be(5, 4) +
                                 be(static_cast<std::uint64_t>(error), 2) + be(77, 8) +
                                 be(~0ull, 8) + be(0, 8) + be(0, 4));
}
const std::string kVersions = request(18, 0, 0, "");
const std::string kVersionsAnswer =
    answer(0, be(0, 2) + be(3, 4) + be(0, 2) + be(3, 2) + be(9, 2) + be(1, 2) + be(4, 2) +
                  be(12, 2) + be(18, 2) + be(0, 2) + be(3, 2));

// What a version's messages say, as KafkaVersions.java has filled them.
class KafkaVersions : public testing::Test {
 protected:
  // By API and version.
  std::map<std::pair<std::string, int>, std::pair<OwnedMessage, OwnedMessage>> all_;

  void SetUp() override {
    for (const test::Conversation& talk : test::load_golden(GOLDEN_DIR)) {
      if (talk.protocol != &kKafka) continue;
      Drive drive(kKafka);
      talk.feed(drive);
      std::map<std::uint64_t, OwnedMessage> asked;
      for (const OwnedMessage& message : drive.messages()) {
        if (message.direction == kToServer) {
          asked[message.stream_id] = message;
          continue;
        }
        const OwnedMessage& question = asked[message.stream_id];
        if (question.field("messaging.client.id") != "weir-test" || question.stream_id < 100)
          continue;
        all_[{question.field("messaging.operation.name"),
              std::stoi(question.field("weir.kafka.api_version"))}] = {question, message};
      }
    }
  }
};

TEST_F(KafkaVersions, EveryVersionIsThere) {
  for (const char* name :
       {"Produce", "Fetch", "ListOffsets", "Metadata", "OffsetCommit", "OffsetFetch",
        "FindCoordinator", "JoinGroup", "Heartbeat", "LeaveGroup", "SyncGroup", "SaslHandshake",
        "ApiVersions", "CreateTopics", "InitProducerId"}) {
    for (const KafkaApi& api : kafka_apis()) {
      if (api.name != name) continue;
      for (int version = 0; version <= api.last; ++version) {
        EXPECT_TRUE(all_.contains({name, version})) << name << ' ' << version;
      }
    }
  }
}

TEST_F(KafkaVersions, AnswersTellTheirError) {
  for (const auto& [which, pair] : all_) {
    const auto& [name, version] = which;
    EXPECT_EQ(pair.second.status, Status::kError) << name << ' ' << version;
    EXPECT_EQ(pair.second.field("error.type"), "UNKNOWN_TOPIC_OR_PARTITION")
        << name << ' ' << version;
  }
}

TEST_F(KafkaVersions, RequestsTellTheirTopicsAndGroups) {
  constexpr std::string_view kId = "AQIDBAUGBwgREhMUFRYXAA";
  for (const auto& [which, pair] : all_) {
    const auto& [name, version] = which;
    const OwnedMessage& asked = pair.first;
    const auto about = [&, &n = name, &v = version] {
      return n + ' ' + std::to_string(v) + ": " + asked.text();
    };
    const bool ids = (name == "Produce" && version >= 13) || (name == "Fetch" && version >= 13) ||
                     (name == "OffsetCommit" && version >= 10) ||
                     (name == "OffsetFetch" && version >= 10);
    if (name == "Produce" || name == "Fetch" || name == "ListOffsets" || name == "OffsetCommit" ||
        name == "OffsetFetch") {
      EXPECT_EQ(asked.field("weir.kafka.topics"), ids ? kId : "topic.0") << about();
      EXPECT_EQ(asked.field("weir.kafka.partitions"),
                name == "OffsetFetch" && version >= 8 ? "8" : "4")
          << about();
    }
    // Versions 10 and 13 are the first of their connections, and teach the names.
    if (name == "Metadata" || name == "CreateTopics") {
      EXPECT_EQ(asked.field("weir.kafka.topics").substr(0, 5),
                name == "Metadata" && (version == 10 || version == 13) ? "AQIDB" : "topic")
          << about();
    }
    if (name.ends_with("Group") || name == "Heartbeat" || name.starts_with("Offset")) {
      EXPECT_EQ(asked.field("messaging.consumer.group.name"), "GroupId-0") << about();
    }
    if (name == "JoinGroup" || name == "SyncGroup" || name == "Heartbeat") {
      EXPECT_EQ(asked.field("weir.kafka.member_id"), "MemberId-0") << about();
    }
    if (name == "FindCoordinator") {
      EXPECT_EQ(asked.field("messaging.consumer.group.name"),
                version >= 4 ? "CoordinatorKeys-0" : "Key-0")
          << about();
    }
    if (name == "InitProducerId") {
      EXPECT_EQ(asked.field("weir.kafka.transactional_id"), "TransactionalId-0") << about();
      EXPECT_EQ(pair.second.field("weir.kafka.producer_id"), "70") << about();
    }
    if (name == "Produce") {
      EXPECT_EQ(asked.field("messaging.batch.message_count"), "12") << about();
      EXPECT_EQ(asked.field("weir.kafka.acks"), "1") << about();
    }
    if (name == "Fetch") {
      EXPECT_EQ(pair.second.field("messaging.batch.message_count"), "12") << pair.second.text();
      EXPECT_EQ(pair.second.field("weir.kafka.partitions"), "4") << pair.second.text();
    }
    if (name == "SaslHandshake") {
      EXPECT_EQ(asked.field("weir.kafka.sasl_mechanism"), "Mechanism-0");
    }
  }
}

TEST(Kafka, ShowsWhatIsProduced) {
  Drive drive(kKafka);
  drive.client(produce(1, -1, batch(3, 10) + batch(4, 2000)));
  drive.server(produced(1));
  const OwnedMessage asked = drive.messages().at(0), told = drive.messages().at(1);
  EXPECT_EQ(asked.field("messaging.destination.name"), "my.topic");
  EXPECT_EQ(asked.field("messaging.destination.partition.id"), "5");
  EXPECT_EQ(asked.field("messaging.batch.message_count"), "7");
  EXPECT_EQ(asked.field("weir.kafka.record_bytes"), std::to_string(2 * 61 + 2010));
  EXPECT_EQ(told.field("messaging.kafka.offset"), "77");
  EXPECT_EQ(told.status, Status::kOk);
}

TEST(Kafka, ErrorsHaveNames) {
  Drive drive(kKafka);
  drive.client(produce(1, 1, "") + produce(2, 1, ""));
  drive.server(produced(1, 6) + produced(2, 999));
  EXPECT_EQ(drive.messages().at(2).field("error.type"), "NOT_LEADER_OR_FOLLOWER");
  EXPECT_EQ(drive.messages().at(3).field("error.type"), "ERROR_999");
  EXPECT_EQ(drive.messages().at(3).status, Status::kError);
}

TEST(Kafka, WithoutAcknowledgementNothingIsAwaited) {
  Drive drive(kKafka, Transport::kTcp, {}, test::one_byte());
  drive.client(produce(1, 0, batch(1, 5)) + produce(2, 1, batch(1, 5)));
  drive.server(produced(2));
  EXPECT_EQ(drive.messages().at(0).kind, MessageKind::kOneWay);
  EXPECT_EQ(drive.messages().at(1).kind, MessageKind::kRequest);
  EXPECT_EQ(drive.messages().at(2).kind, MessageKind::kResponse);
}

TEST(Kafka, RecordsArePassedOver) {
  const std::size_t large = 20 << 20;
  Drive drive(kKafka, Transport::kTcp, {},
              [](std::size_t left) { return std::min<std::size_t>(left, 1460); });
  drive.client(produce(1, 1, batch(9, large)) + produce(2, 1, batch(1, 1)));
  EXPECT_EQ(drive.messages().size(), 2u);
  EXPECT_GT(drive.skipped_bytes(), large - 2000);
  EXPECT_EQ(drive.messages().at(0).field("messaging.batch.message_count"), "9");
}

TEST(Kafka, AnAnswerWhoseRequestWasLostIsUnpaired) {
  Drive drive(kKafka);
  drive.client(kVersions);
  drive.server(kVersionsAnswer + answer(41, be(0, 8)));
  EXPECT_EQ(drive.messages().at(2).kind, MessageKind::kUnpaired);
  EXPECT_EQ(drive.messages().at(2).quality, Quality::kLateJoin);
}

TEST(Kafka, AGapInsideAFrameEndsWithIt) {
  Drive drive(kKafka);
  const std::string first = produce(1, 1, batch(1, 400) + batch(2, 400));
  drive.client(first.substr(0, 130));
  drive.lose(kToServer, 600);
  drive.client(first.substr(730) + produce(2, 1, batch(1, 4)));
  ASSERT_EQ(drive.messages().size(), 2u);
  EXPECT_EQ(drive.messages().at(0).end, first.size());
  EXPECT_EQ(drive.messages().at(1).begin, first.size());
}

TEST(Kafka, TokensOfOldAuthenticationAreNotShown) {
  Drive drive(kKafka);
  drive.client(request(17, 0, 1, text("PLAIN")));
  drive.server(answer(1, be(0, 2) + be(0, 4)));
  drive.client(framed(std::string("\0user\0secret", 12)));
  drive.server(framed(""));
  drive.client(request(3, 1, 2, be(0xffffffff, 4)));
  EXPECT_EQ(drive.messages().size(), 3u);
  EXPECT_EQ(drive.dump().find("secret"), std::string::npos);
}

TEST(Kafka, IsKnownByItsRequests) {
  const auto match = [](const std::string& head, Direction direction) {
    return kKafka.match(as_bytes(head), direction, Transport::kTcp);
  };
  EXPECT_EQ(match(produce(1, 1, batch(1, 5)), kToServer), Match::kYes);
  EXPECT_EQ(match(request(18, 0, 0, "", be(0xffff, 2)), kToServer), Match::kYes);
  EXPECT_EQ(match(kVersionsAnswer, kToClient), Match::kMaybe);
  EXPECT_EQ(match(be(20, 4) + std::string(20, '\0'), kToServer), Match::kMaybe);
  EXPECT_EQ(match(request(93, 0, 0, ""), kToServer), Match::kNo);
  EXPECT_EQ(match(request(0, 40, 0, ""), kToServer), Match::kNo);
  EXPECT_EQ(match("GET / HTTP/1.1\r\n\r\n", kToServer), Match::kNo);
}

// The hardest of random bytes: a plausible size, and small numbers where a key and a version stand.
TEST(Kafka, ClaimsNoRandomBytes) {
  std::minstd_rand random(3);
  std::string head(256, '\0');
  for (int round = 0; round < 200000; ++round) {
    for (char& c : head) c = static_cast<char>(random() >> 8);
    for (std::size_t at : {0u, 1u, 4u, 6u, 8u}) head[at] = '\0';
    head[5] = static_cast<char>(random() % 93);
    head[7] = static_cast<char>(random() % 10);
    EXPECT_NE(kKafka.match(as_bytes(head), kToServer, Transport::kTcp), Match::kYes) << round;
    EXPECT_NE(kKafka.match(as_bytes(head), kToClient, Transport::kTcp), Match::kYes) << round;
  }
}

}  // namespace
}  // namespace weir
