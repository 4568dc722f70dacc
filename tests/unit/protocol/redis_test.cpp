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

struct Line {
  Direction direction;
  std::string bytes;
};
Line client(std::string bytes) { return {kToServer, std::move(bytes)}; }
Line server(std::string bytes) { return {kToClient, std::move(bytes)}; }

std::string bulk(std::string_view text) {
  return '$' + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string command(const std::vector<std::string>& words) {
  std::string out = '*' + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) out += bulk(word);
  return out;
}

Line asks(const std::vector<std::string>& words) { return client(command(words)); }

std::unique_ptr<Drive> drive(const std::vector<Line>& talk, const test::Chunking& chunking,
                             const Limits& limits = {}) {
  auto d = std::make_unique<Drive>(kRedis, Transport::kTcp, limits, chunking);
  for (const Line& line : talk) d->feed(line.direction, line.bytes);
  return d;
}

// What the decoder makes of the talk; the same however it is cut.
std::vector<OwnedMessage> decode(const std::vector<Line>& talk, const Limits& limits = {}) {
  const auto whole = drive(talk, test::whole(), limits);
  EXPECT_EQ(whole->violations(), std::vector<std::string>{});
  for (unsigned seed = 0; seed < 8; ++seed) {
    const auto cut =
        drive(talk, seed == 0 ? test::one_byte() : test::random_chunks(seed, 40), limits);
    EXPECT_EQ(cut->dump(), whole->dump()) << "seed " << seed;
    EXPECT_EQ(cut->violations(), std::vector<std::string>{});
  }
  return whole->messages();
}

char letter(MessageKind kind) {
  switch (kind) {
    case MessageKind::kRequest:
      return '>';
    case MessageKind::kResponse:
      return '<';
    case MessageKind::kOneWay:
      return '!';
    default:
      return '~';
  }
}

// Kind and text or type of each message, e.g. ">GET ? <bulk".
std::string brief(const std::vector<OwnedMessage>& messages) {
  std::string out;
  for (const OwnedMessage& m : messages) {
    if (!out.empty()) out += ' ';
    out += letter(m.kind);
    out += m.direction == kToServer ? m.field("db.query.text") : m.field("weir.redis.reply_type");
    if (m.status == Status::kError) out += '(' + m.field("db.response.status_code") + ')';
    if (m.kind == MessageKind::kUnpaired) out += '(' + m.field("weir.redis.push") + ')';
  }
  return out;
}

std::string decoded(const std::vector<Line>& talk) { return brief(decode(talk)); }

std::string shown(const std::vector<std::string>& words, bool raw = true) {
  Limits limits;
  limits.raw_queries = raw;
  const auto messages = decode({asks(words)}, limits);
  return messages.size() == 1 ? messages[0].field("db.query.text") : brief(messages);
}

std::string name_of(const std::vector<std::string>& words) {
  const auto messages = decode({asks(words)});
  return messages.size() == 1 ? messages[0].field("db.operation.name") : "?";
}

Match match(std::string_view head, Direction direction) {
  return kRedis.match(as_bytes(head), direction, Transport::kTcp);
}

TEST(Redis, PipelinedCommandsAreCountedOneByOne) {
  std::string asked, answered;
  for (int i = 0; i < 16; ++i) {
    asked += command({"SET", "key", "value"});
    answered += "+OK\r\n";
  }
  const auto messages = decode({client(asked), server(answered)});
  ASSERT_EQ(messages.size(), 32u);
  EXPECT_EQ(messages[15].begin, 15 * asked.size() / 16);
  EXPECT_EQ(messages[15].end, asked.size());
  EXPECT_EQ(messages[31].end, answered.size());
}

TEST(Redis, SeveralSegmentsInFlight) {
  EXPECT_EQ(decoded({asks({"GET", "a"}), asks({"INCR", "n"}), asks({"DEL", "x"}),
                     server("$1\r\nv\r\n:2\r\n:0\r\n")}),
            ">GET ? >INCR ? >DEL ? <bulk <int <int");
}

TEST(Redis, EveryTypeOfReply) {
  const std::vector<std::pair<std::string, std::string>> replies = {
      {"+OK\r\n", "simple"},
      {"-ERR no\r\n", "error"},
      {"!5\r\nERR a\r\n", "error"},
      {":-12\r\n", "int"},
      {"$0\r\n\r\n", "bulk"},
      {"$-1\r\n", "null"},
      {"_\r\n", "null"},
      {"*0\r\n", "array"},
      {"*-1\r\n", "null_array"},
      {"%1\r\n+a\r\n:1\r\n", "map"},
      {"~2\r\n:1\r\n:2\r\n", "set"},
      {",3.14\r\n", "double"},
      {",inf\r\n", "double"},
      {"#t\r\n", "bool"},
      {"(123456789012345678901234567890\r\n", "bignum"},
      {"=7\r\ntxt:abc\r\n", "verbatim"},
      {"$?\r\n;3\r\nabc\r\n;0\r\n", "bulk"},
      {"*?\r\n:1\r\n*?\r\n.\r\n.\r\n", "array"},
      {"|1\r\n+ttl\r\n:9\r\n*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n", "array"},
      {"*2\r\n*2\r\n$1\r\na\r\n*0\r\n%1\r\n_\r\n$-1\r\n", "array"},
  };
  for (const auto& [bytes, type] : replies) {
    const auto messages = decode({asks({"EVAL", "x", "0"}), server(bytes + "+NEXT\r\n")});
    ASSERT_EQ(messages.size(), 3u) << bytes;
    EXPECT_EQ(messages[1].field("weir.redis.reply_type"), type) << bytes;
    EXPECT_EQ(messages[1].end, bytes.size());
    EXPECT_EQ(messages[1].status, type == "error" ? Status::kError : Status::kOk);
  }
}

TEST(Redis, LineEndsInValues) {
  const std::string value = "\r\n$3\r\nGET\r\n*1\r\n+OK\r\n-ERR\r\n";
  EXPECT_EQ(decoded({asks({"SET", "k", value}), server("+OK\r\n"), asks({"GET", "k"}),
                     server(bulk(value))}),
            ">SET ? ? <simple >GET ? <bulk");
}

TEST(Redis, InlineCommands) {
  const auto messages =
      decode({client("PING\r\n  set k \"a b\\x41\"  \r\nget k\n\r\n\nfoo 'x\\'y'\r\n")});
  EXPECT_EQ(brief(messages), ">PING >SET ? ? >GET ? >FOO ?");
  EXPECT_EQ(messages[1].begin, 6u);
  Limits raw;
  raw.raw_queries = true;
  EXPECT_EQ(brief(decode({client("set k \"a \\x41\\n\"\r\n")}, raw)), ">set k a A\n");
  // The server closes such a connection.
  const auto d = drive({client("set \"k\r\n")}, test::whole());
  EXPECT_EQ(d->invalid_count(), 1u);
  EXPECT_TRUE(d->messages().empty());
}

TEST(Redis, NamesOfCommands) {
  EXPECT_EQ(name_of({"get", "k"}), "GET");
  EXPECT_EQ(name_of({"FT.SEARCH", "idx", "get"}), "FT.SEARCH");
  EXPECT_EQ(name_of({"config", "get", "maxmemory"}), "CONFIG GET");
  EXPECT_EQ(name_of({"XGROUP", "CREATE", "s", "g", "$"}), "XGROUP CREATE");
  EXPECT_EQ(name_of({"CLIENT", "NO-EVICT", "on"}), "CLIENT NO-EVICT");
  EXPECT_EQ(name_of({"COMMAND"}), "COMMAND");
  EXPECT_EQ(name_of({"OBJECT", "\x01key"}), "OBJECT");
  EXPECT_EQ(name_of({"\xff\xfe", "a"}), "");
  EXPECT_EQ(name_of({std::string(200, 'A')}), "");
}

TEST(Redis, TextHidesArguments) {
  EXPECT_EQ(shown({"set", "secret", "value"}, false), "SET ? ?");
  EXPECT_EQ(shown({"config", "set", "maxmemory", "1"}, false), "CONFIG SET ? ?");
  EXPECT_EQ(shown({"\x01", "a"}, false), "? ?");
  std::vector<std::string> many(1000, "x");
  many[0] = "DEL";
  EXPECT_EQ(shown(many, false), "DEL ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ...");
}

TEST(Redis, RawTextNeverShowsPasswords) {
  EXPECT_EQ(shown({"set", "key", "a value"}), "set key a value");
  EXPECT_EQ(shown({"AUTH", "pw"}), "AUTH ?");
  EXPECT_EQ(shown({"auth", "user", "pw"}), "auth ? ?");
  EXPECT_EQ(shown({"HELLO", "3", "auth", "user", "pw", "SETNAME", "n"}),
            "HELLO 3 auth user ? SETNAME n");
  EXPECT_EQ(shown({"ACL", "SETUSER", "bob", "on", ">pw", "#0123", "~*", "<old"}),
            "ACL SETUSER bob on ? ? ~* ?");
  EXPECT_EQ(shown({"CONFIG", "SET", "requirepass", "pw", "maxmemory", "1", "MasterAuth", "pw"}),
            "CONFIG SET requirepass ? maxmemory 1 MasterAuth ?");
  EXPECT_EQ(shown({"MIGRATE", "h", "1", "k", "0", "9", "AUTH", "pw", "COPY"}),
            "MIGRATE h 1 k 0 9 AUTH ? COPY");
  EXPECT_EQ(shown({"MIGRATE", "h", "1", "k", "0", "9", "AUTH2", "u", "pw"}),
            "MIGRATE h 1 k 0 9 AUTH2 u ?");
  EXPECT_EQ(shown({"SENTINEL", "SET", "m", "auth-pass", "pw"}), "SENTINEL SET m auth-pass ?");
  EXPECT_LE(shown(std::vector<std::string>(100, std::string(5000, 'x'))).size(), 16384u);
}

TEST(Redis, Errors) {
  const auto messages = decode(
      {asks({"GET", "l"}), server("-WRONGTYPE Operation against a key\r\n"), asks({"NOSUCH", "pw"}),
       server("-ERR unknown command 'NOSUCH', with args beginning with: 'pw' \r\n"), asks({"X"}),
       server("-my own error\r\n")});
  EXPECT_EQ(brief(messages), ">GET ? <error(WRONGTYPE) >NOSUCH ? <error(ERR) >X <error()");
  EXPECT_EQ(messages[1].field("error.message"), "WRONGTYPE Operation against a key");
  EXPECT_EQ(messages[3].field("error.message"), "ERR unknown command 'NOSUCH'");
  EXPECT_EQ(messages[5].field("error.message"), "my own error");
}

TEST(Redis, LongErrorsAreCut) {
  const auto line = decode({asks({"X"}), server("-ERR " + std::string(5000, 'x') + "\r\n")});
  EXPECT_EQ(line[1].field("error.message").size(), 512u);
  const auto blob =
      decode({asks({"X"}), server("!5000\r\nERR " + std::string(4996, 'x') + "\r\n")});
  EXPECT_EQ(blob[1].field("db.response.status_code"), "ERR");
  EXPECT_EQ(blob[1].end, 5009u);
}

TEST(Redis, Transactions) {
  const auto messages = decode({client(command({"MULTI"}) + command({"INCR", "n"}) +
                                       command({"SELECT", "4"}) + command({"EXEC"})),
                                server("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n+OK\r\n"),
                                asks({"GET", "k"}), server("$-1\r\n")});
  EXPECT_EQ(brief(messages),
            ">MULTI >INCR ? >SELECT ? >EXEC <simple <simple <simple <array >GET ? <null");
  EXPECT_FALSE(messages[6].has("db.namespace"));
  EXPECT_EQ(messages[9].field("db.namespace"), "4");
}

TEST(Redis, TheDatabaseIsTheOneThatWasSelected) {
  const auto messages =
      decode({client(command({"SELECT", "3"}) + command({"GET", "k"}) + command({"SELECT", "99"})),
              server("+OK\r\n$-1\r\n-ERR DB index is out of range\r\n"), asks({"GET", "k"}),
              server("$-1\r\n"), asks({"RESET"}), server("+RESET\r\n")});
  EXPECT_EQ(messages[3].field("db.namespace"), "3");
  EXPECT_EQ(messages[4].field("db.namespace"), "3");
  EXPECT_EQ(messages[7].field("db.namespace"), "3");
  EXPECT_EQ(messages[9].field("db.namespace"), "0");
}

TEST(Redis, ProtocolVersion) {
  const auto told = decode({asks({"PING"}), server("+PONG\r\n"), asks({"HELLO", "3"}),
                            server("%1\r\n+proto\r\n:3\r\n"), asks({"PING"}), server("+PONG\r\n"),
                            asks({"HELLO", "2"}), server("*2\r\n+proto\r\n:2\r\n")});
  EXPECT_EQ(told[1].field("network.protocol.version"), "2");
  EXPECT_EQ(told[3].field("network.protocol.version"), "3");
  EXPECT_EQ(told[5].field("network.protocol.version"), "3");
  EXPECT_EQ(told[7].field("network.protocol.version"), "2");
  // Joined in the middle: its types tell.
  const auto joined = decode({asks({"SISMEMBER", "s", "m"}), server("#t\r\n")});
  EXPECT_EQ(joined[1].field("network.protocol.version"), "3");
}

TEST(Redis, SubscriptionsInResp2) {
  const std::string message = "*3\r\n" + bulk("message") + bulk("a") + bulk("hello");
  EXPECT_EQ(decoded({asks({"SUBSCRIBE", "a", "b"}),
                     server("*3\r\n" + bulk("subscribe") + bulk("a") + ":1\r\n*3\r\n" +
                            bulk("subscribe") + bulk("b") + ":2\r\n" + message + message),
                     asks({"PING"}), server("*2\r\n" + bulk("pong") + bulk("")),
                     server("*4\r\n" + bulk("pmessage") + bulk("*") + bulk("a") + bulk("x")),
                     asks({"UNSUBSCRIBE"}),
                     server("*3\r\n" + bulk("unsubscribe") + bulk("a") + ":1\r\n*3\r\n" +
                            bulk("unsubscribe") + bulk("b") + ":0\r\n"),
                     asks({"ECHO", "x"}), server(bulk("x"))}),
            ">SUBSCRIBE ? ? <array ~array(subscribe) ~array(message) ~array(message) >PING <array "
            "~array(pmessage) >UNSUBSCRIBE <array ~array(unsubscribe) >ECHO ? <bulk");
}

TEST(Redis, SubscriptionsInResp3) {
  EXPECT_EQ(decoded({asks({"HELLO", "3"}), server("%0\r\n"),
                     client(command({"SUBSCRIBE", "a"}) + command({"GET", "k"})),
                     server(">3\r\n" + bulk("subscribe") + bulk("a") + ":1\r\n>3\r\n" +
                            bulk("message") + bulk("a") + bulk("x") + bulk("v")),
                     server(">2\r\n" + bulk("invalidate") + "*1\r\n" + bulk("k")), asks({"PING"}),
                     server("+PONG\r\n")}),
            ">HELLO ? <map >SUBSCRIBE ? >GET ? <push ~push(message) <bulk ~push(invalidate) >PING "
            "<simple");
}

TEST(Redis, AListIsNoMessage) {
  EXPECT_EQ(decoded({asks({"LRANGE", "l", "0", "-1"}),
                     server("*3\r\n" + bulk("message") + bulk("a") + bulk("b"))}),
            ">LRANGE ? ? ? <array");
}

TEST(Redis, Monitor) {
  EXPECT_EQ(decoded({asks({"MONITOR"}),
                     server("+OK\r\n+1700000000.123456 [0 127.0.0.1:5] \"get\" \"x\"\r\n"),
                     asks({"PING"}), server("+1700000000.223456 [0 lua] \"x\"\r\n+PONG\r\n")}),
            ">MONITOR <simple ~simple(monitor) >PING ~simple(monitor) <simple");
}

TEST(Redis, ReplicationIsAStream) {
  const auto partial =
      drive({asks({"PSYNC", "?", "-1"}), server("+CONTINUE abc\r\n*1\r\n")}, test::whole());
  EXPECT_EQ(brief(partial->messages()), ">PSYNC ? ? <simple");
  EXPECT_TRUE(partial->opaque());
  const auto waiting =
      drive({asks({"PSYNC", "?", "-1"}), server("\n\n"), server("\n+FULLRESYNC abc 0\r\n$99\r\n")},
            test::one_byte());
  EXPECT_EQ(brief(waiting->messages()), ">PSYNC ? ? <simple");
  EXPECT_EQ(waiting->messages()[1].begin, 3u);
  EXPECT_TRUE(waiting->opaque());
  const auto old = drive({asks({"SYNC"}), server("$5000\r\nREDIS0009...")}, test::whole());
  EXPECT_EQ(brief(old->messages()), ">SYNC <bulk");
  EXPECT_TRUE(old->opaque());
  const auto refused =
      drive({asks({"SYNC"}), server("-NOMASTERLINK no\r\n"), asks({"PING"}), server("+PONG\r\n")},
            test::whole());
  EXPECT_EQ(brief(refused->messages()), ">SYNC <error(NOMASTERLINK) >PING <simple");
  EXPECT_EQ(
      decoded({asks({"REPLCONF", "ACK", "5"}), asks({"REPLCONF", "port", "5"}), server("+OK\r\n")}),
      "!REPLCONF ? ? >REPLCONF ? ? <simple");
}

TEST(Redis, SilencedReplies) {
  EXPECT_EQ(
      decoded({asks({"CLIENT", "REPLY", "SKIP"}), asks({"SET", "a", "b"}), asks({"GET", "a"}),
               server("$1\r\nb\r\n"), asks({"CLIENT", "REPLY", "OFF"}), asks({"DEL", "a"}),
               asks({"SELECT", "2"}), asks({"CLIENT", "REPLY", "ON"}), server("+OK\r\n"),
               asks({"PING"}), server("+PONG\r\n")}),
      "!CLIENT REPLY ? !SET ? ? >GET ? <bulk !CLIENT REPLY ? !DEL ? !SELECT ? >CLIENT REPLY ? "
      "<simple >PING <simple");
}

TEST(Redis, WhatAServerPassesOver) {
  EXPECT_EQ(decoded({client("*0\r\n*-1\r\n*-20\r\n\r\n" + command({"PING"})), server("+PONG\r\n")}),
            "! ! ! >PING <simple");
}

TEST(Redis, LongStringsAreNotHeld) {
  const std::string value(3'000'000, 'x');
  for (const auto& chunking : {test::whole(), test::random_chunks(1, 1460)}) {
    const auto d = drive(
        {asks({"SET", "k", value}), server("+OK\r\n"), asks({"GET", "k"}), server(bulk(value)),
         asks({"MGET", "k", "n"}), server("*2\r\n" + bulk(value) + "$-1\r\n"),
         asks({"MSET", "a", value, "b", value}), server("+OK\r\n")},
        chunking);
    EXPECT_EQ(brief(d->messages()),
              ">SET ? ? <simple >GET ? <bulk >MGET ? ? <array >MSET ? ? ? ? <simple");
    for (const OwnedMessage& message : d->messages()) {
      EXPECT_NE(message.end, Message::kOpenEnd);
    }
    EXPECT_EQ(d->violations(), std::vector<std::string>{});
  }
  const auto cut =
      drive({asks({"SET", "k", value}), server(bulk(value))}, test::random_chunks(1, 999));
  EXPECT_GT(cut->skipped_bytes(), 5'900'000u);
}

TEST(Redis, MillionsOfElementsCostNothing) {
  Drive d(kRedis, Transport::kTcp, {}, test::random_chunks(3, 1460));
  d.client(command({"LRANGE", "l", "0", "-1"}));
  d.server("*1000000\r\n");
  std::string elements;
  for (int i = 0; i < 10'000; ++i) elements += bulk("element");
  for (int i = 0; i < 100; ++i) d.server(elements);
  EXPECT_LE(d.held_bytes(kToClient), 64u);
  d.server("+NEXT\r\n");
  ASSERT_EQ(brief(d.messages()), ">LRANGE ? ? ? <array <simple");
  EXPECT_EQ(d.messages()[1].end, 10u + 100 * elements.size());
  EXPECT_EQ(d.violations(), std::vector<std::string>{});
}

TEST(Redis, DepthIsBounded) {
  std::string deep;
  for (int i = 0; i < 64; ++i) deep += "*1\r\n";
  EXPECT_EQ(decoded({asks({"X"}), server(deep + ":1\r\n")}), ">X <array");
  const auto d = drive({asks({"X"}), server(deep + deep)}, test::whole());
  EXPECT_GE(d->invalid_count(), 1u);
}

TEST(Redis, NonsenseIsRefused) {
  for (const std::string bytes :
       {"*3\r\nSET\r\n", "*99999999999999999999\r\n", "*1\r\n$99999999999\r\n", "*1\r\n$-5\r\n",
        "*1\r\n$3\r\nGETxx\r\n", "*x\r\n", "*1\n$3\nGET\n and whatever else there may be"}) {
    EXPECT_EQ(drive({client(bytes)}, test::whole())->invalid_count(), 1u) << bytes;
  }
  for (const std::string bytes : {"hello\r\n", "$-2\r\n", "*-2\r\n", "#x\r\n", ":1a\r\n", "%-1\r\n",
                                  ";3\r\nabc\r\n", ".\r\n", "$3\r\nabcd\r\n", "+a\rb\r\n"}) {
    EXPECT_GE(drive({server(bytes)}, test::whole())->invalid_count(), 1u) << bytes;
  }
}

TEST(Redis, GoesOnAfterALoss) {
  Drive d(kRedis);
  d.client(command({"SET", "a", "b"}) + command({"SET", "c", "d"}).substr(0, 9));
  d.server("+OK\r\n");
  d.lose(kToServer, 12);
  d.client("\r\nc\r\n" + command({"GET", "a"}));
  d.server("+OK\r\n$1\r\nb\r\n");
  EXPECT_EQ(brief(d.messages()), ">SET ? ? <simple >GET ? <simple <bulk");
  EXPECT_EQ(d.violations(), std::vector<std::string>{});
}

// The rest of an array looks like replies; they come after the next request.
TEST(Redis, TheRestOfAnArrayIsNoReply) {
  Drive d(kRedis);
  d.client(command({"LRANGE", "l", "0", "-1"}));
  d.server("*5\r\n" + bulk("a"));
  d.lose(kToClient, 7);
  d.server(bulk("c") + bulk("d") + bulk("e"));
  d.client(command({"PING"}));
  d.server("+PONG\r\n");
  EXPECT_EQ(brief(d.messages()), ">LRANGE ? ? ? >PING <simple");
}

TEST(Redis, Recognition) {
  EXPECT_EQ(match(command({"GET", "k"}), kToServer), Match::kYes);
  EXPECT_EQ(match(command({"hello", "3"}), kToServer), Match::kYes);
  EXPECT_EQ(match(command({"FT.SEARCH", "idx"}), kToServer), Match::kMaybe);
  EXPECT_EQ(match("*3", kToServer), Match::kNeedMore);
  EXPECT_EQ(match("*3\r\n$3\r\nG", kToServer), Match::kNeedMore);
  EXPECT_EQ(match("PING\r\n", kToServer), Match::kMaybe);
  EXPECT_EQ(match("PI", kToServer), Match::kNeedMore);
  EXPECT_EQ(match("$0\r\n\r\n", kToServer), Match::kMaybe);
  EXPECT_EQ(match("$-20\r\nhi\r\n", kToServer), Match::kMaybe);
  EXPECT_EQ(match(":\r\n", kToServer), Match::kMaybe);
  EXPECT_EQ(match("\r\n\nPING\r\n", kToServer), Match::kMaybe);
  EXPECT_EQ(match("\r\n\r", kToServer), Match::kNeedMore);
  EXPECT_EQ(match("*-5\r\nx", kToServer), Match::kMaybe);
  for (const char* reply : {"+OK\r\n", "-ERR x\r\n", ":1\r\n", "$-1\r\n", "$1\r\na\r\n",
                            "*1\r\n:1\r\n", "%1\r\n", "_\r\n", ">3\r\n"}) {
    EXPECT_EQ(match(reply, kToClient), Match::kMaybe) << reply;
  }
  EXPECT_EQ(match(command({"GET", "k"}), kToClient), Match::kMaybe);
  for (const char* other : {"GET / HTTP/1.1\r\n", "HELO example.org\r\n", "USER anonymous\r\n",
                            "SSH-2.0-x\r\n", "\x16\x03\x01\x02", "* OK IMAP ready\r\n",
                            "howdy world\r\n", "\x12\x34\x01", "* LIST\r\n", "*3\r\nx"}) {
    EXPECT_EQ(match(other, kToServer), Match::kNo) << other;
  }
  for (const char* other :
       {"HTTP/1.1 200 OK\r\n", "220 ready\r\n", "+OK POP3 ready\r\n", "SSH-2.0-x\r\n",
        "\x16\x03\x01\x02", "* OK IMAP ready\r\n", "VALUE k 0 1\r\n"}) {
    EXPECT_EQ(match(other, kToClient), Match::kNo) << other;
  }
  EXPECT_EQ(kRedis.match(as_bytes(command({"PING"})), kToServer, Transport::kUdp), Match::kNo);
}

}  // namespace
}  // namespace weir
