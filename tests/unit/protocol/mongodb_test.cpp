#include <gtest/gtest.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <vector>

#include "contract/drive.h"
#include "protocol/mongodb_body.h"
#include "protocol/mongodb_compression.h"
#include "protocol/registry.h"

namespace weir {
namespace {

using namespace std::string_literals;
using Direction::kToClient;
using Direction::kToServer;
using test::Drive;
using test::OwnedMessage;

std::string le32(std::uint64_t value) {
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}
std::string le64(std::uint64_t value) { return le32(value & 0xffffffff) + le32(value >> 32); }

// Elements, and documents made of them.
std::string i32(const std::string& name, std::uint32_t value) {
  return "\x10" + name + '\0' + le32(value);
}
std::string i64(const std::string& name, std::uint64_t value) {
  return "\x12" + name + '\0' + le64(value);
}
std::string str(const std::string& name, const std::string& value) {
  return "\x02" + name + '\0' + le32(value.size() + 1) + value + '\0';
}
std::string doc(const std::string& elements) { return le32(elements.size() + 5) + elements + '\0'; }
std::string sub(const std::string& name, const std::string& elements) {
  return "\x03" + name + '\0' + doc(elements);
}
std::string list(const std::string& name, const std::vector<std::string>& documents) {
  std::string elements;
  for (std::size_t i = 0; i < documents.size(); ++i)
    elements += sub(std::to_string(i), documents[i]);
  return "\x04" + name + '\0' + doc(elements);
}

std::string framed(std::uint32_t id, std::uint32_t answers, std::uint32_t code,
                   const std::string& body) {
  return le32(16 + body.size()) + le32(id) + le32(answers) + le32(code) + body;
}
std::string msg(std::uint32_t id, std::uint32_t answers, const std::string& elements,
                std::uint32_t flags = 0, const std::string& more = {}) {
  return framed(id, answers, 2013, le32(flags) + '\0' + doc(elements) + more);
}
std::string sequence(const std::string& name, const std::vector<std::string>& documents) {
  std::string all = name + '\0';
  for (const std::string& one : documents) all += doc(one);
  return "\x01" + le32(all.size() + 4) + all;
}
std::string db(const std::string& name = "shop") { return str("$db", name); }
std::string ok(std::uint32_t value = 1) { return i32("ok", value); }

std::string squeezed(std::uint8_t how, const std::string& plain) {
  std::string out;
  if (how == 0) return plain;
  if (how == 1) {
    snappy::Compress(plain.data(), plain.size(), &out);
    return out;
  }
  uLongf size = compressBound(plain.size()) + ZSTD_compressBound(plain.size());
  out.resize(size);
  if (how == 2) {
    compress(reinterpret_cast<Bytef*>(out.data()), &size,
             reinterpret_cast<const Bytef*>(plain.data()), plain.size());
  } else {
    size = ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3);
  }
  out.resize(size);
  return out;
}
std::string compressed(std::uint8_t how, const std::string& message) {
  const std::string body = message.substr(16);
  return le32(16 + 9 + squeezed(how, body).size()) + message.substr(4, 8) + le32(2012) +
         message.substr(12, 4) + le32(body.size()) + static_cast<char>(how) + squeezed(how, body);
}

std::vector<OwnedMessage> of(const std::string& client, const std::string& server = {},
                             bool raw = false) {
  Limits limits;
  limits.raw_queries = raw;
  std::string reference;
  std::vector<OwnedMessage> messages;
  for (unsigned seed = 0; seed < 4; ++seed) {
    Drive drive(kMongo, Transport::kTcp, limits,
                seed == 0 ? test::whole() : test::random_chunks(seed, 50 * seed * seed));
    drive.client(client);
    drive.server(server);
    drive.close_both();
    EXPECT_EQ(drive.violations(), std::vector<std::string>{});
    EXPECT_EQ(drive.invalid_count(), 0u);
    if (seed == 0) {
      messages = drive.messages();
      reference = drive.dump();
    }
    EXPECT_EQ(drive.dump(), reference) << "the chunking matters";
  }
  return messages;
}

TEST(Mongo, CommandIsNamedByItsFirstElement) {
  const auto told = of(
      msg(7, 0,
          str("find", "users") + sub("filter", sub("age", i32("$gt", 30)) + str("count", "Ann")) +
              db()),
      msg(8, 7,
          sub("cursor", list("firstBatch", {i32("_id", 1), i32("_id", 2)}) + i64("id", 0)) + ok()));
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].field("db.operation.name"), "find");
  EXPECT_EQ(told[0].field("db.collection.name"), "users");
  EXPECT_EQ(told[0].field("db.namespace"), "shop");
  EXPECT_EQ(told[0].field("db.query.text"),
            R"({"find": "users", "filter": {"age": {"$gt": ?}, "count": ?}})");
  EXPECT_EQ(told[1].field("db.response.returned_rows"), "2");
  EXPECT_EQ(told[1].stream_id, 7u);
  EXPECT_EQ(told[1].status, Status::kOk);
}

TEST(Mongo, SectionsInAnyOrderWithChecksumTwoInOneSegment) {
  const std::string updates =
      sequence("updates", {sub("q", i32("_id", 1)) + sub("u", sub("$set", i32("a", 1))),
                           sub("q", i32("_id", 2)) + sub("u", sub("$set", i32("a", 2)))});
  const std::string body = '\0' + doc(str("update", "users") + db());
  const auto told = of(framed(1, 0, 2013, le32(1) + updates + body + "abcd") +
                       framed(2, 0, 2013, le32(1) + body + updates + "abcd"));
  ASSERT_EQ(told.size(), 2u);
  for (const OwnedMessage& one : told) {
    EXPECT_EQ(one.field("db.operation.name"), "update");
    EXPECT_EQ(one.field("db.operation.batch.size"), "2");
    EXPECT_EQ(one.field("db.query.text"),
              R"({"update": "users", "updates": [{"q": {"_id": ?}, "u": {"$set": {"a": ?}}}]})");
  }
}

TEST(Mongo, NobodyAnswersAnUnacknowledgedWrite) {
  const auto told = of(msg(1, 0, str("insert", "log") + db(), 2, sequence("documents", {""})) +
                       framed(2, 0, 2002, le32(0) + "shop.log\0"s + doc(i32("a", 1))) +
                       framed(3, 0, 2001, le32(0) + "shop.log\0"s + le32(0) + doc("") + doc("")) +
                       framed(4, 0, 2006, le32(0) + "shop.log\0"s + le32(0) + doc("")) +
                       framed(5, 0, 2007, le32(0) + le32(1) + le64(9)));
  ASSERT_EQ(told.size(), 5u);
  const char* names[] = {"insert", "insert", "update", "delete", "killCursors"};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(told[i].kind, MessageKind::kOneWay);
    EXPECT_EQ(told[i].field("db.operation.name"), names[i]);
    EXPECT_EQ(told[i].field("db.collection.name"), i < 4 ? "log" : "");
  }
}

TEST(Mongo, Errors) {
  const auto told =
      of("",
         msg(1, 9,
             ok(0) + str("errmsg", "no such \"thing\": {a: 5} 17") + i32("code", 59) +
                 str("codeName", "CommandNotFound")) +
             msg(2, 9,
                 i32("n", 1) +
                     list("writeErrors", {i32("index", 0) + i32("code", 11000) +
                                          str("errmsg", "dup key: { x: \"v\" }")}) +
                     ok()) +
             msg(3, 9,
                 sub("writeConcernError", i32("code", 64) + str("codeName", "WriteConcernFailed")) +
                     ok()) +
             msg(4, 9, ok()));
  ASSERT_EQ(told.size(), 4u);
  EXPECT_EQ(told[0].status, Status::kError);
  EXPECT_EQ(told[0].field("db.response.status_code"), "59");
  EXPECT_EQ(told[0].field("error.type"), "CommandNotFound");
  EXPECT_EQ(told[0].field("error.message"), "no such ?: ? ?");
  EXPECT_EQ(told[1].status, Status::kError);
  EXPECT_EQ(told[1].field("error.type"), "DuplicateKey");
  EXPECT_EQ(told[1].field("error.message"), "dup key: ?");
  EXPECT_EQ(told[1].field("weir.mongodb.n"), "1");
  EXPECT_EQ(told[2].field("error.type"), "WriteConcernFailed");
  EXPECT_EQ(told[3].status, Status::kOk);
  EXPECT_FALSE(told[3].has("error.type"));
}

TEST(Mongo, CompressedByEach) {
  for (std::uint8_t how = 0; how < 4; ++how) {
    const std::string batch =
        list("firstBatch", std::vector<std::string>(50, str("a", "repeated")));
    const auto told = of(compressed(how, msg(1, 0, str("find", "users") + db())),
                         compressed(how, msg(2, 1, sub("cursor", batch) + ok())) +
                             compressed(how, msg(3, 1, ok(0) + i32("code", 13))));
    ASSERT_EQ(told.size(), 3u) << int{how};
    EXPECT_EQ(told[0].field("db.query.text"), R"({"find": "users"})");
    EXPECT_EQ(told[0].field("weir.mongodb.compressor"), mongo_compressor_name(how));
    EXPECT_EQ(told[0].field("weir.mongodb.opcode"), "2013");
    EXPECT_EQ(told[1].field("db.response.returned_rows"), "50");
    EXPECT_EQ(told[2].field("error.type"), "Unauthorized");
  }
}

// What it becomes is bounded by the room; damage and cuts end well.
TEST(Mongo, CompressionIsBounded) {
  const std::string bomb(8 << 20, 'a');
  std::vector<std::uint8_t> room(4096);
  for (std::uint8_t how = 1; how < 4; ++how) {
    const std::string small = squeezed(how, bomb);
    const Bytes out = uncompress_beginning(how, as_bytes(small), room);
    EXPECT_EQ(out.size(), room.size());
    EXPECT_EQ(as_text(out), bomb.substr(0, room.size()));
    for (std::size_t i = 0; i < 2000; ++i) {
      std::string damaged = squeezed(how, "abcabcabc0123456789" + bomb.substr(0, 300));
      damaged[i % damaged.size()] =
          static_cast<char>(static_cast<std::uint8_t>(damaged[i % damaged.size()]) ^ (1 + i % 255));
      EXPECT_LE(uncompress_beginning(how, as_bytes(damaged.substr(0, i % 40)), room).size(),
                room.size());
      EXPECT_LE(uncompress_beginning(how, as_bytes(damaged), room).size(), room.size());
    }
  }
}

TEST(Mongo, LongDocumentsArePassedOver) {
  const std::string big(3 << 20, 'x');
  const std::string insert =
      "\x04"
      "documents\0"s +
      doc(sub("0", str("a", big)));
  const auto asked = of(msg(1, 0, str("insert", "users") + insert + db()));
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].field("db.operation.name"), "insert");
  EXPECT_EQ(asked[0].field("db.namespace"), "shop");
  EXPECT_EQ(asked[0].field("db.query.text"), R"({"insert": "users", "documents": [?]})");

  const auto answered = of(
      "", msg(1, 9, sub("cursor", list("firstBatch", {str("a", big)})) + ok()) +
              msg(2, 9, list("writeErrors", {str("errmsg", big)}) + ok()) +
              msg(3, 9,
                  sub("data", str("a", big)) + ok(0) + i32("code", 8000) + str("codeName", "Odd")));
  ASSERT_EQ(answered.size(), 3u);
  EXPECT_EQ(answered[0].status, Status::kOk);
  EXPECT_EQ(answered[1].status, Status::kError);
  EXPECT_EQ(answered[2].status, Status::kError);
  EXPECT_EQ(answered[2].field("error.type"), "Odd");

  Drive drive(kMongo);
  drive.client(msg(1, 0, str("insert", "users") + insert + db()));
  EXPECT_GT(drive.skipped_bytes(), big.size() - 20000);
}

TEST(Mongo, LongSequenceBeforeTheCommand) {
  const std::string documents = sequence("documents", {str("a", std::string(100000, 'x'))});
  const auto told =
      of(framed(1, 0, 2013, le32(0) + documents + '\0' + doc(str("insert", "users") + db())));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].field("db.operation.name"), "insert");
  EXPECT_EQ(told[0].field("db.collection.name"), "users");
  EXPECT_EQ(told[0].field("db.namespace"), "shop");
}

TEST(Mongo, ExhaustRepliesFollowEachOther) {
  const std::string batch = sub("cursor", list("nextBatch", {""}) + i64("id", 5)) + ok();
  const auto told = of(
      msg(30, 0, i64("getMore", 5) + str("collection", "users") + db(), 0x10000),
      msg(100, 30, batch, 2) + msg(101, 100, batch, 2) + msg(102, 101, batch) + msg(103, 31, ok()));
  ASSERT_EQ(told.size(), 5u);
  EXPECT_EQ(told[0].field("db.collection.name"), "users");
  EXPECT_EQ(told[1].kind, MessageKind::kResponse);
  EXPECT_EQ(told[2].kind, MessageKind::kUnpaired);
  EXPECT_EQ(told[3].kind, MessageKind::kUnpaired);
  EXPECT_EQ(told[4].kind, MessageKind::kResponse);
}

TEST(Mongo, ValuesAreShownOnlyWhenAsked) {
  const std::string command =
      str("find", "users") + sub("filter", str("a", "x\"y") + i32("b", 5)) + db();
  EXPECT_EQ(of(msg(1, 0, command), "", true)[0].field("db.query.text"),
            R"({"find": "users", "filter": {"a": "x\"y", "b": 5}})");
  const auto login =
      of(msg(1, 0, i32("saslStart", 1) + str("payload", "secret") + db("admin")), "", true);
  EXPECT_EQ(login[0].field("db.query.text"), R"({"saslStart": ?, "payload": ?})");
  const auto hello = of(
      msg(1, 0, i32("hello", 1) + sub("speculativeAuthenticate", str("p", "secret")) + db("admin")),
      "", true);
  EXPECT_EQ(hello[0].field("db.query.text"), R"({"hello": 1})");
}

TEST(Mongo, MessagesWithoutTheirValues) {
  char characters[256];
  const auto shown = [&](std::string_view message) {
    TextBuffer text(characters);
    return std::string(put_mongo_message(message, false, text));
  };
  EXPECT_EQ(shown("can't apply $inc to {_id: {a: 1}} of 'x'"), "can't apply $inc to ? of ?");
  EXPECT_EQ(shown("open \"never closed"), "open ?");
  EXPECT_EQ(shown("E11000 took 1.5ms"), "E11000 took ?");
}

TEST(Mongo, RecognisedByContent) {
  const std::string ask = msg(1, 0, str("find", "users") + db());
  EXPECT_EQ(kMongo.match(as_bytes(ask), kToServer, Transport::kTcp), Match::kYes);
  EXPECT_EQ(kMongo.match(as_bytes(msg(2, 1, ok())), kToClient, Transport::kTcp), Match::kYes);
  EXPECT_EQ(kMongo.match(as_bytes(msg(2, 1, ok())), kToServer, Transport::kTcp), Match::kNo);
  EXPECT_EQ(kMongo.match(as_bytes(msg(2, 0, ok())), kToClient, Transport::kTcp), Match::kMaybe);
  EXPECT_EQ(kMongo.match(as_bytes(ask.substr(0, 15)), kToServer, Transport::kTcp),
            Match::kNeedMore);
  EXPECT_EQ(kMongo.match(as_bytes("GET / HTTP/1.1\r\n\r\n"), kToServer, Transport::kTcp),
            Match::kNo);
}

// Of a message whose head was seen the end is known, whatever its rest looks like.
TEST(Mongo, LossInsideAMessageDoesNotMisleadWithinIt) {
  const std::string decoy = msg(66, 0, str("find", "decoy") + db());
  const std::string holder =
      msg(1, 0, str("find", "users") + str("x", std::string(3000, '.') + decoy) + db());
  Drive drive(kMongo);
  drive.client(holder.substr(0, 500));
  drive.lose(kToServer, 500);
  drive.client(holder.substr(1000) + msg(2, 0, str("count", "users") + db()));
  ASSERT_EQ(drive.messages().size(), 1u);
  EXPECT_EQ(drive.messages()[0].field("db.operation.name"), "count");
}

}  // namespace
}  // namespace weir
