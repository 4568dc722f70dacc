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
using namespace std::string_literals;

struct Line {
  Direction direction;
  std::string bytes;
};
Line client(std::string bytes) { return {kToServer, std::move(bytes)}; }
Line server(std::string bytes) { return {kToClient, std::move(bytes)}; }

std::string number(std::uint32_t value, int width) {
  std::string out;
  for (int i = width - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}
std::string frame(char type, const std::string& body = {}) {
  return type + number(static_cast<std::uint32_t>(body.size()) + 4, 4) + body;
}
std::string text(const std::string& value) { return value + '\0'; }

std::string query(const std::string& sql) { return frame('Q', text(sql)); }
std::string parse(const std::string& name, const std::string& sql) {
  return frame('P', text(name) + text(sql) + number(0, 2));
}
std::string bound(const std::string& name, const std::string& value = "1",
                  const std::string& portal = "") {
  const auto size = static_cast<std::uint32_t>(value.size());
  return frame('B', text(portal) + text(name) + number(0, 2) + number(1, 2) + number(size, 4) +
                        value + number(0, 2));
}
std::string describe(char kind, const std::string& name) { return frame('D', kind + text(name)); }
std::string execute(const std::string& portal = "") {
  return frame('E', text(portal) + number(0, 4));
}
const std::string kSync = frame('S'), kFlush = frame('H');

std::string ready(char status = 'I') { return frame('Z', {status}); }
std::string row(const std::string& value) {
  return frame('D', number(1, 2) + number(static_cast<std::uint32_t>(value.size()), 4) + value);
}
std::string complete(const std::string& tag) { return frame('C', text(tag)); }
std::string report(char type, const std::string& severity, const std::string& code,
                   const std::string& message) {
  return frame(type, 'S' + text(severity) + 'C' + text(code) + 'M' + text(message) + '\0');
}
std::string error(const std::string& code, const std::string& message = "wrong") {
  return report('E', "ERROR", code, message);
}
std::string parameter(const std::string& name, const std::string& value) {
  return frame('S', text(name) + text(value));
}
std::string startup(const std::string& parameters) {
  const std::string body = number(196608, 4) + parameters + '\0';
  return number(static_cast<std::uint32_t>(body.size()) + 4, 4) + body;
}
const std::string kColumns = frame('T', number(1, 2) + text("a") + std::string(18, '\0'));

std::unique_ptr<Drive> drive(const std::vector<Line>& talk, const test::Chunking& chunking,
                             const Limits& limits = {}) {
  auto d = std::make_unique<Drive>(kPostgres, Transport::kTcp, limits, chunking);
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

// Each message in short: >text of a request, <tag or code of an answer.
std::string brief(const std::vector<OwnedMessage>& messages) {
  std::string out;
  for (const OwnedMessage& m : messages) {
    if (!out.empty()) out += ' ';
    out += m.kind == MessageKind::kRequest    ? '>'
           : m.kind == MessageKind::kResponse ? '<'
           : m.kind == MessageKind::kOneWay   ? '!'
                                              : '~';
    for (const char* name :
         {"db.query.text", "db.query.summary", "error.type", "db.response.status_code",
          "weir.postgresql.command", "weir.postgresql.encryption", "weir.postgresql.channel"}) {
      if (!m.has(name)) continue;
      out += m.field(name);
      break;
    }
  }
  return out;
}
std::string decoded(const std::vector<Line>& talk) { return brief(decode(talk)); }

TEST(Postgresql, EncryptionRefusedUpsetsNothing) {
  EXPECT_EQ(decoded({client(number(8, 4) + number(80877104, 4)), server("N"),
                     client(number(8, 4) + number(80877103, 4)), server("N"),
                     client(startup(text("user") + text("ann"))),
                     server(frame('R', number(0, 4)) + ready()), client(query("SELECT 1")),
                     server(kColumns + row("1") + complete("SELECT 1") + ready())}),
            ">GSSENC <refused >SSL <refused >CONNECT ann < >SELECT ? <SELECT 1");
}

TEST(Postgresql, AfterEncryptionIsAgreedBothDirectionsAreAnotherProtocol) {
  Drive d(kPostgres);
  d.client(number(8, 4) + number(80877103, 4));
  d.server("S");
  d.client("\x16\x03\x01");
  EXPECT_EQ(d.switched_at(kToServer), 8u);
  EXPECT_EQ(d.switched_at(kToClient), 1u);
  EXPECT_EQ(brief(d.messages()), ">SSL <tls");
}

TEST(Postgresql, StartOfAConnectionIsOneExchange) {
  const auto messages =
      decode({client(startup(text("user") + text("ann") + text("database") + text("shop") +
                             text("application_name") + text("till"))),
              server(frame('R', number(10, 4) + text("SCRAM-SHA-256") + '\0')),
              client(frame('p', text("SCRAM-SHA-256") + "secret")),
              server(frame('R', number(11, 4) + "r")), client(frame('p', "secret")),
              server(frame('R', number(12, 4) + "v") + frame('R', number(0, 4)) +
                     parameter("server_version", "15.4") +
                     frame('K', number(77, 4) + number(5, 4)) + ready()),
              client(query("BEGIN")), server(complete("BEGIN") + ready('T'))});
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0].field("db.operation.name"), "CONNECT");
  EXPECT_EQ(messages[0].field("db.namespace"), "shop");
  EXPECT_EQ(messages[0].field("user.name"), "ann");
  EXPECT_EQ(messages[1].field("weir.postgresql.authentication"), "SCRAM-SHA-256");
  EXPECT_EQ(messages[1].field("weir.postgresql.server_version"), "15.4");
  EXPECT_EQ(messages[1].field("weir.postgresql.process_id"), "77");
  EXPECT_EQ(messages[2].field("db.operation.name"), "BEGIN");
  EXPECT_EQ(messages[2].field("db.namespace"), "shop");
  EXPECT_EQ(messages[3].field("weir.postgresql.transaction"), "active");
}

TEST(Postgresql, AnAnswerEndsWhenTheServerIsReady) {
  const std::string answer =
      kColumns + row("1") + row("22") + complete("SELECT 2") + complete("INSERT 0 3") + ready();
  const auto messages =
      decode({client(query("SELECT a FROM t; INSERT INTO t SELECT 1")), server(answer)});
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].field("db.operation.name"), "BATCH");
  EXPECT_EQ(messages[0].field("db.operation.batch.size"), "2");
  EXPECT_EQ(messages[1].end, answer.size());
  EXPECT_EQ(messages[1].field("db.response.returned_rows"), "2");
  EXPECT_EQ(messages[1].field("weir.postgresql.affected_rows"), "3");
  EXPECT_EQ(messages[1].size_bytes, 2 * 6 + 3u);
}

TEST(Postgresql, PreparedStatementsKeepTheirText) {
  const std::string name(100, 'n');
  EXPECT_EQ(decoded({client(parse(name, "SELECT 'x', $1") + describe('S', name) + kSync),
                     server(frame('1') + frame('t', number(0, 2)) + kColumns + ready()),
                     client(bound(name) + execute() + kSync),
                     server(frame('2') + row("1") + complete("SELECT 1") + ready()),
                     client(parse("", "SELECT 2") + bound("") + execute() + kSync),
                     server(frame('1') + frame('2') + row("2") + complete("SELECT 1") + ready()),
                     client(bound(name) + execute() + kSync),
                     server(frame('2') + complete("SELECT 0") + ready())}),
            ">SELECT ?, $1 < >SELECT ?, $1 <SELECT 1 >SELECT ? <SELECT 1 >SELECT ?, $1 <SELECT 0");
}

TEST(Postgresql, ManyStatementsAreKeptAndTheOldestGo) {
  std::vector<Line> talk;
  for (int i = 0; i < 300; ++i) {
    const std::string name = "s" + std::to_string(i);
    talk.push_back(client(parse(name, "SELECT a" + name) + kSync));
    talk.push_back(server(frame('1') + ready()));
  }
  for (int i : {299, 200, 100, 0}) {
    talk.push_back(client(bound("s" + std::to_string(i)) + execute() + kSync));
    talk.push_back(server(frame('2') + complete("SELECT 0") + ready()));
  }
  const auto messages = drive(talk, test::whole())->messages();
  ASSERT_EQ(messages.size(), 608u);
  EXPECT_EQ(messages[600].field("db.query.text"), "SELECT as299");
  EXPECT_EQ(messages[602].field("db.query.text"), "SELECT as200");
  EXPECT_EQ(messages[604].field("db.query.text"), "SELECT as100");
  EXPECT_FALSE(messages[606].has("db.query.text"));
  EXPECT_EQ(messages[606].quality, Quality::kLateJoin);
}

TEST(Postgresql, PortalsAreFetchedInParts) {
  EXPECT_EQ(decoded({client(parse("s", "SELECT b") + bound("s", "1", "p") + execute("p") + kSync),
                     server(frame('1') + frame('2') + row("1") + frame('s') + ready('T')),
                     client(execute("p") + frame('C', "P" + text("p")) + kSync),
                     server(row("2") + complete("SELECT 1") + frame('3') + ready('T'))}),
            ">SELECT b < >SELECT b <SELECT 1");
}

TEST(Postgresql, EachExecuteOfAPipelineIsARoundTrip) {
  const auto messages =
      decode({client(parse("", "SELECT a") + bound("") + execute() + bound("") + execute() + kSync),
              server(frame('1') + frame('2') + row("1") + complete("SELECT 1") + frame('2') +
                     complete("SELECT 0") + ready())});
  EXPECT_EQ(brief(messages), ">SELECT a >SELECT a <SELECT 1 <SELECT 0");
  EXPECT_EQ(messages[0].end, messages[1].begin);
  EXPECT_EQ(messages[2].end, messages[3].begin);
  EXPECT_FALSE(messages[2].has("weir.postgresql.transaction"));
  EXPECT_EQ(messages[3].field("weir.postgresql.transaction"), "idle");
}

TEST(Postgresql, WhatFollowsAnErrorIsNotExecuted) {
  EXPECT_EQ(decoded({client(bound("") + execute() + bound("") + execute() + bound("") + execute() +
                            kSync + query("SELECT 1")),
                     server(frame('2') + complete("SELECT 1") + error("22012") + ready() +
                            complete("SELECT 2") + ready())}),
            ">EXECUTE >EXECUTE >EXECUTE >SELECT ? <SELECT 1 <22012 <not_executed <SELECT 2");
}

TEST(Postgresql, WhatIsPreparedAheadBelongsToWhatIsExecuted) {
  EXPECT_EQ(decoded({client(parse("a", "SELECT a") + describe('S', "a") + kFlush),
                     server(frame('1') + frame('t', number(0, 2)) + kColumns),
                     client(bound("a") + execute() + kSync),
                     server(frame('2') + complete("SELECT 0") + ready())}),
            ">SELECT a <SELECT 0");
  EXPECT_EQ(decoded({client(parse("a", "SELECT a") + describe('S', "a") + kFlush),
                     server(error("42703")), client(kSync), server(ready()),
                     client(query("SELECT 1")), server(complete("SELECT 1") + ready())}),
            ">SELECT a <42703 >SELECT ? <SELECT 1");
  EXPECT_EQ(decoded({client(bound("") + execute() + kFlush),
                     server(frame('2') + complete("SELECT 1")), client(kSync), server(ready()),
                     client(query("SELECT 1")), server(complete("SELECT 2") + ready())}),
            ">EXECUTE <SELECT 1 >SELECT ? <SELECT 2");
}

TEST(Postgresql, WhatTheServerSaysWhileItPassesOverAnswersNothing) {
  EXPECT_EQ(
      decoded(
          {client(bound("") + execute() + bound("") + execute() + kSync + query("SELECT 1")),
           server(frame('2') + error("22012") + parameter("TimeZone", "UTC") + row("1") +
                  report('N', "NOTICE", "00000", "n") + ready() + complete("SELECT 2") + ready())}),
      ">EXECUTE >EXECUTE >SELECT ? <22012 ~00000 <not_executed <SELECT 2");
}

TEST(Postgresql, WhatIsPreparedAheadIsNotToldBehindWhatFollowsIt) {
  EXPECT_EQ(decoded({client(parse("a", "SELECT a") + kFlush + query("SELECT 1")),
                     server(frame('1') + complete("SELECT 2") + ready() +
                            report('E', "FATAL", "57P01", "bye"))}),
            ">SELECT ? <SELECT 2 ~57P01");
}

TEST(Postgresql, SyncSentBeforeACopyIsIgnored) {
  const std::string in = frame('G', "\0"s + number(0, 2));
  const auto messages =
      decode({client(parse("", "COPY t FROM STDIN") + bound("") + execute() + kSync),
              server(frame('1') + frame('2') + in),
              client(frame('d', "12345") + frame('d', "678") + frame('c') + kSync),
              server(complete("COPY 2") + ready()), client(query("SELECT 1")),
              server(complete("SELECT 1") + ready())});
  EXPECT_EQ(brief(messages), ">COPY t FROM STDIN <COPY 2 >SELECT ? <SELECT 1");
  EXPECT_EQ(messages[1].field("weir.postgresql.copied_in_bytes"), "8");
  EXPECT_EQ(messages[1].field("weir.postgresql.copy"), "in");
}

TEST(Postgresql, ErrorsQuoteNamesButNoValues) {
  const auto message = [](const std::string& code, const std::string& said, bool raw = false) {
    Limits limits;
    limits.raw_queries = raw;
    return decode({client(query("x")), server(error(code, said) + ready())}, limits)
        .back()
        .field("error.message");
  };
  EXPECT_EQ(message("42P01", R"(relation "users" does not exist)"),
            R"(relation "users" does not exist)");
  EXPECT_EQ(message("22P02", R"(invalid input syntax for type integer: "secret")"),
            R"(invalid input syntax for type integer: "?")");
  EXPECT_EQ(message("42601", R"(unterminated quoted string at or near "'secret")"),
            R"(unterminated quoted string at or near "?")");
  EXPECT_EQ(message("22P02", R"(for type integer: "secret")", true),
            R"(for type integer: "secret")");
}

TEST(Postgresql, BackslashesInStringsAreWhatTheServerSays) {
  const auto shown = [](const std::string& value) {
    return decode({client(startup(text("user") + text("a"))),
                   server(frame('R', number(0, 4)) +
                          parameter("standard_conforming_strings", value) + ready()),
                   client(query(R"(SELECT 'a\', 'c' -- ')"))})
        .back()
        .field("db.query.text");
  };
  EXPECT_EQ(shown("on"), "SELECT ?, ?");
  EXPECT_EQ(shown("off"), "SELECT ?c?");
}

TEST(Postgresql, CancelAndNotificationsAreRecordsOfTheirOwn) {
  EXPECT_EQ(decoded({client(number(16, 4) + number(80877102, 4) + number(7, 4) + number(8, 4))}),
            "!CANCEL");
  const std::string notification = frame('A', number(9, 4) + text("news") + text("secret"));
  const auto messages =
      decode({client(query("NOTIFY news")), server(complete("NOTIFY") + notification + ready()),
              server(notification)});
  EXPECT_EQ(brief(messages), ">NOTIFY news <NOTIFY ~news ~news");
  EXPECT_EQ(brief(decode({client(query("SELECT 1")), server(complete("SELECT 1") + ready()),
                          server(report('E', "FATAL", "57P01", "ended"))})),
            ">SELECT ? <SELECT 1 ~57P01");
}

TEST(Postgresql, AStreamIsAnsweredWhenItBegins) {
  EXPECT_EQ(decoded({client(query("START_REPLICATION 0/0")),
                     server(frame('W', "\0"s + number(0, 2)) + frame('d', "w...")),
                     client(frame('d', "r...")), server(frame('d', "k...")), client(frame('c')),
                     server(frame('c') + complete("COPY 0") + ready()), client(query("SELECT 1")),
                     server(complete("SELECT 1") + ready())}),
            ">START_REPLICATION ?/? < >SELECT ? <SELECT 1");
}

TEST(Postgresql, RowsAndValuesAreSkipped) {
  Drive d(kPostgres, Transport::kTcp, {}, test::random_chunks(1, 1000));
  const std::string big(100000, 'x');
  d.client(parse("", "SELECT $1") + bound("", big) + execute() + kSync);
  d.server(frame('1') + frame('2') + row(big) + row(big) + complete("SELECT 2") + ready());
  EXPECT_EQ(d.violations(), std::vector<std::string>{});
  EXPECT_EQ(brief(d.messages()), ">SELECT $1 <SELECT 2");
  EXPECT_GT(d.skipped_bytes(), 290000u);
}

TEST(Postgresql, TellsThatNoRowsCameAlsoWithoutColumns) {
  Drive d(kPostgres);
  d.client(parse("s", "SELECT a") + kSync);
  d.server(frame('1') + ready());
  d.client(bound("s") + execute() + kSync);
  d.server(frame('2') + complete("SELECT 0") + ready());
  d.client(query("INSERT INTO t SELECT a"));
  d.server(complete("INSERT 0 0") + ready());
  ASSERT_EQ(d.messages().size(), 6u);
  EXPECT_EQ(d.messages()[3].field("db.response.returned_rows"), "0");
  EXPECT_EQ(d.messages()[5].field("db.response.returned_rows"), "");
}

TEST(Postgresql, WhatIsCutOffEndsWhereTheConnectionDoes) {
  const std::string asked = parse("", "SELECT $1") + bound("", std::string(3000, 'v'));
  const std::string said = complete("SELECT 1") + row(std::string(3000, 'v'));
  for (const test::Chunking& chunking : {test::whole(), test::random_chunks(1, 64)}) {
    const auto d = drive(
        {client(query("SELECT 1")), server(said.substr(0, 1000)), client(asked.substr(0, 2000))},
        chunking);
    d->close_both();
    ASSERT_EQ(brief(d->messages()), ">SELECT ? <SELECT 1 >SELECT $1");
    EXPECT_EQ(d->messages()[1].end, 1000u);
    EXPECT_EQ(d->messages()[2].end, d->messages()[0].end + 2000);
  }
}

TEST(Postgresql, FindsItsWayAfterAGapInsideRows) {
  Drive d(kPostgres);
  d.client(query("SELECT a"));
  d.server(kColumns + row("1"));
  d.lose(kToClient, 100);
  d.server("xyz" + row("8") + row("9") + complete("SELECT 9") + ready());
  d.client(query("SELECT b"));
  d.server(kColumns + complete("SELECT 0") + ready());
  EXPECT_EQ(d.violations(), std::vector<std::string>{});
  EXPECT_EQ(brief(d.messages()), ">SELECT a < <SELECT 9 >SELECT b <SELECT 0");
}

TEST(Postgresql, IsRecognisedByWhatItSays) {
  const auto match = [](const std::string& head, Direction direction) {
    return kPostgres.match(as_bytes(head), direction, Transport::kTcp);
  };
  EXPECT_EQ(match(startup(text("user") + text("a")), kToServer), Match::kYes);
  EXPECT_EQ(match(query("SELECT 1"), kToServer), Match::kYes);
  EXPECT_EQ(match(query("hello"), kToServer), Match::kMaybe);
  EXPECT_EQ(match(bound("") + execute() + kSync, kToServer), Match::kYes);
  EXPECT_EQ(match(kColumns + row("1"), kToClient), Match::kYes);
  EXPECT_EQ(match("N", kToClient), Match::kNeedMore);
  EXPECT_EQ(match("GET / HTTP/1.1\r\n", kToServer), Match::kNo);
  EXPECT_EQ(match("\x16\x03\x01\x02\x00\x01", kToServer), Match::kNo);
  EXPECT_EQ(match("*1\r\n$4\r\nPING\r\n", kToServer), Match::kNo);
  EXPECT_EQ(match("SSH-2.0-OpenSSH\r\n", kToClient), Match::kNo);
  EXPECT_EQ(match("Q\0\0\0\x08\0\0\0\0"s, kToServer), Match::kNo);
}

}  // namespace
}  // namespace weir
