#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "contract/drive.h"
#include "protocol/mysql_error.h"
#include "protocol/mysql_statements.h"
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

std::string little(std::uint64_t value, int size) {
  std::string out;
  for (int i = 0; i < size; ++i) out += i < 8 ? static_cast<char>(value >> (8 * i)) : char{};
  return out;
}
std::string packet(int number, const std::string& payload) {
  return little(payload.size(), 3) + static_cast<char>(number) + payload;
}
std::string text(const std::string& value) { return static_cast<char>(value.size()) + value; }

constexpr std::uint32_t kBase = 0x0008a201, kDatabase = 8, kCompress = 32, kTls = 0x800,
                        kDeprecateEof = 1 << 24, kAttributes = 1 << 27, kTrack = 1 << 23;

Line greeting(std::uint32_t capabilities) {
  return server(packet(0, "\x0a" + std::string("8.0.35\0", 7) + little(7, 4) + "ABCDEFGH" +
                              little(0, 1) + little(capabilities & 0xffff, 2) + little(45, 1) +
                              little(2, 2) + little(capabilities >> 16, 2) + little(21, 1) +
                              little(0, 10) + std::string("abcdefghijkl\0plugin\0", 20)));
}
Line login(std::uint32_t capabilities, const std::string& database = "shop") {
  return client(packet(1, little(capabilities, 4) + little(0, 4) + little(45, 1) +
                              std::string(23, '\0') + std::string("app\0", 4) + text("password") +
                              database + '\0'));
}
std::string ok(int number = 1, int affected = 0, int status = 2, char mark = 0) {
  return packet(number, std::string(1, mark) + little(static_cast<std::uint64_t>(affected), 1) +
                            little(0, 1) + little(static_cast<std::uint64_t>(status), 2) +
                            little(0, 2));
}
std::string end(int number, int status = 2) { return ok(number, 0, status, '\xfe'); }
std::string eof(int number, int status = 2) {
  return packet(number, "\xfe" + little(0, 2) + little(static_cast<std::uint64_t>(status), 2));
}
std::string error(int number, std::uint64_t code, const std::string& message) {
  return packet(number, "\xff" + little(code, 2) + "#42000" + message);
}
std::string column(int number) { return packet(number, text("def") + "rest of it"); }
std::string row(int number) { return packet(number, text("value")); }
Line asks(const std::string& sql) { return client(packet(0, "\x03" + sql)); }
Line command(char code, const std::string& arguments = {}) {
  return client(packet(0, code + arguments));
}
Line execute(std::uint32_t statement, const std::string& values = {}) {
  return command('\x17', little(statement, 4) + little(0, 1) + little(1, 4) + values);
}
std::string prepared(std::uint32_t statement) {
  return packet(1,
                little(0, 1) + little(statement, 4) + little(0, 2) + little(0, 2) + little(0, 3));
}

// The same however it is cut.
std::vector<OwnedMessage> decode(const std::vector<Line>& talk, const Limits& limits = {}) {
  const auto play = [&](const test::Chunking& chunking) {
    auto drive = std::make_unique<Drive>(kMysql, Transport::kTcp, limits, chunking);
    for (const Line& line : talk) drive->feed(line.direction, line.bytes);
    EXPECT_EQ(drive->violations(), std::vector<std::string>{});
    return drive;
  };
  const auto whole = play(test::whole());
  for (unsigned seed = 0; seed < 8; ++seed) {
    const auto cut = play(seed == 0 ? test::one_byte() : test::random_chunks(seed, 40));
    EXPECT_EQ(cut->dump(), whole->dump()) << "seed " << seed;
  }
  return whole->messages();
}

// After a login with these capabilities.
std::vector<OwnedMessage> talk(std::vector<Line> lines, std::uint32_t capabilities = kDeprecateEof,
                               const Limits& limits = {}) {
  capabilities |= kBase | kDatabase;
  lines.insert(lines.begin(), {greeting(capabilities), login(capabilities), server(ok(2))});
  std::vector<OwnedMessage> messages = decode(lines, limits);
  if (messages.size() < 2) return {};
  messages.erase(messages.begin(), messages.begin() + 2);
  return messages;
}

TEST(Mysql, ALoginIsAnExchange) {
  const auto m = decode({greeting(kBase | kDatabase), login(kBase | kDatabase), server(ok(2))});
  ASSERT_EQ(m.size(), 2u);
  EXPECT_EQ(m[0].field("weir.mysql.command"), "CONNECT");
  EXPECT_EQ(m[0].field("db.namespace"), "shop");
  EXPECT_EQ(m[0].field("weir.db.user"), "app");
  EXPECT_EQ(m[0].quality, Quality::kComplete);
  EXPECT_EQ(m[0].text().find("password"), std::string::npos);
}

TEST(Mysql, ALoginThatAsksForTlsIsOneWay) {
  Drive drive(kMysql);
  drive.server(greeting(kBase | kTls).bytes);
  const std::string asked =
      packet(1, little(kBase | kTls, 4) + little(0, 4) + little(45, 1) + std::string(23, '\0'));
  drive.client(asked + "\x16\x03\x01 TLS");
  drive.server("\x16\x03\x03 TLS");
  ASSERT_EQ(drive.messages().size(), 1u);
  EXPECT_EQ(drive.messages()[0].kind, MessageKind::kOneWay);
  EXPECT_EQ(drive.switched_at(kToServer), asked.size());
  EXPECT_EQ(drive.switched_at(kToClient), greeting(kBase | kTls).bytes.size());
}

TEST(Mysql, RowsAreCountedWithAndWithoutEof) {
  const std::string columns = packet(1, "\x01") + column(2);
  const auto with =
      talk({asks("SELECT 1"), server(columns + eof(3) + row(4) + row(5) + eof(6))}, 0);
  const auto without = talk({asks("SELECT 1"), server(columns + row(3) + row(4) + end(5))});
  for (const auto* m : {&with, &without}) {
    ASSERT_EQ(m->size(), 2u);
    EXPECT_EQ((*m)[1].field("db.response.returned_rows"), "2");
    EXPECT_EQ((*m)[1].field("weir.mysql.result_sets"), "1");
    EXPECT_FALSE((*m)[1].has("weir.db.affected_rows"));
  }
}

TEST(Mysql, EveryResultCountsAndALateErrorIsTheAnswers) {
  const auto m = talk({asks("SELECT 1; UPDATE t SET a = 'x'; SELECT 2"),
                       server(packet(1, "\x01") + column(2) + row(3) + end(4, 10) + ok(5, 7, 10) +
                              packet(6, "\x01") + column(7) + row(8) + row(9) + end(10, 10) +
                              error(11, 1064, "near 'secret'"))});
  ASSERT_EQ(m.size(), 2u);
  EXPECT_EQ(m[0].field("db.query.text"), "SELECT ?; UPDATE t SET a = ?; SELECT ?");
  EXPECT_EQ(m[1].status, Status::kError);
  EXPECT_EQ(m[1].field("db.response.returned_rows"), "3");
  EXPECT_EQ(m[1].field("weir.db.affected_rows"), "7");
  EXPECT_EQ(m[1].field("db.response.status_code"), "1064");
  EXPECT_EQ(m[1].field("weir.db.sqlstate"), "42000");
  EXPECT_EQ(m[1].field("error.message"), "near '?'");
}

TEST(Mysql, AnExecutionShowsItsStatementAndNoValues) {
  const std::string values = std::string("\x00\x01\xfd\x00", 4) + text("secret");
  const std::vector<Line> lines = {command('\x16', "SELECT a FROM t WHERE b = ? AND c = 'x'"),
                                   server(prepared(5)),
                                   execute(5, values),
                                   server(ok()),
                                   command('\x19', little(5, 4)),
                                   execute(5),
                                   server(ok())};
  Limits raw;
  raw.raw_queries = true;
  for (const Limits& limits : {Limits{}, raw}) {
    const auto m = talk(lines, kDeprecateEof, limits);
    ASSERT_EQ(m.size(), 7u);
    EXPECT_EQ(m[1].field("weir.mysql.statement_id"), "5");
    EXPECT_EQ(m[2].field("db.query.text"), limits.raw_queries
                                               ? "SELECT a FROM t WHERE b = ? AND c = 'x'"
                                               : "SELECT a FROM t WHERE b = ? AND c = ?");
    EXPECT_EQ(m[2].field("db.operation.name"), "SELECT");
    EXPECT_EQ(m[2].text().find("secret"), std::string::npos);
    EXPECT_EQ(m[4].kind, MessageKind::kOneWay);
    EXPECT_FALSE(m[5].has("db.query.text"));
    EXPECT_EQ(m[5].quality, Quality::kLateJoin);
  }
}

TEST(Mysql, APreparedStatementsDefinitionsAreNoAnswerOfTheNext) {
  const std::string head =
      packet(1, little(0, 1) + little(1, 4) + little(1, 2) + little(2, 2) + little(0, 3));
  const std::string with = head + column(2) + column(3) + eof(4) + column(5) + eof(6);
  const std::string without = head + column(2) + column(3) + column(4);
  for (const auto& [answer, flags] : {std::pair(with, 0u), std::pair(without, kDeprecateEof)}) {
    const auto m = talk(
        {command('\x16', "SELECT ?, ?"), server(answer), command('\x0e'), server(ok())}, flags);
    ASSERT_EQ(m.size(), 4u);
    EXPECT_EQ(m[1].end - m[1].begin, answer.size());
  }
}

TEST(Mysql, ACursorsRowsAreFetched) {
  const std::string opened = packet(1, "\x01") + column(2) + eof(3, 0x42);
  const auto m = talk({execute(1), server(opened), command('\x1c', little(1, 4) + little(2, 4)),
                       server(row(1) + row(2) + eof(3, 0x82))},
                      0);
  ASSERT_EQ(m.size(), 4u);
  EXPECT_EQ(m[1].field("db.response.returned_rows"), "0");
  EXPECT_EQ(m[3].field("db.response.returned_rows"), "2");
}

TEST(Mysql, ALocalFileIsNoStatement) {
  std::vector<Line> lines = {asks("LOAD DATA LOCAL INFILE 'f' INTO TABLE t"), server(packet(1,
                                                                                            "\xfb"
                                                                                            "f"))};
  std::string file;
  for (int i = 2; i < 600; ++i) file += packet(i & 255, "\x03SELECT 1\n");  // numbers start again
  lines.push_back(client(file + packet(600 & 255, "")));
  lines.push_back(server(ok(601 & 255, 9)));
  const auto m = talk(lines);
  ASSERT_EQ(m.size(), 2u);
  EXPECT_EQ(m[1].field("weir.db.affected_rows"), "9");
  EXPECT_EQ(m[1].field("weir.mysql.local_infile_bytes"), std::to_string(598 * 10));
}

TEST(Mysql, APacketOf16MibGoesOnInTheNext) {
  const std::string full = little(0xffffff, 3);
  const std::string sql = "SELECT '" + std::string(0xffffff - 9, 'x');
  Drive drive(kMysql, Transport::kTcp, {},
              [](std::size_t left) { return std::min<std::size_t>(left, 65000); });
  const std::uint32_t flags = kBase | kDatabase | kDeprecateEof;
  drive.server(greeting(flags).bytes);
  drive.client(login(flags).bytes);
  drive.server(ok(2));
  const std::string asked = full + '\0' + "\x03" + sql + packet(1, "yy'");
  drive.client(asked);
  const std::string answer = packet(2, "\x01") + column(3) + full + '\4' +
                             std::string(0xffffff, 'v') + packet(5, std::string(300, '\xfe')) +
                             end(6);
  drive.server(answer);
  drive.client(packet(0, "\x0e"));
  drive.server(ok());
  ASSERT_EQ(drive.messages().size(), 6u) << drive.dump().substr(0, 2000);
  EXPECT_EQ(drive.messages()[2].end - drive.messages()[2].begin, asked.size());
  EXPECT_EQ(drive.messages()[3].end - drive.messages()[3].begin, answer.size());
  EXPECT_EQ(drive.messages()[3].field("db.response.returned_rows"), "1");
  EXPECT_GT(drive.skipped_bytes(), 30u << 20);
  EXPECT_EQ(drive.violations(), std::vector<std::string>{});
}

TEST(Mysql, TheDatabaseIsFollowed) {
  const auto m =
      talk({asks("USE `other`;"), server(ok()), asks("SELECT 1"), server(error(1, 1, "")),
            command('\x02', "third"), server(ok()), command('\x0e'), server(ok()),
            command('\x02', "none"), server(error(1, 1049, "Unknown")), command('\x0e')});
  ASSERT_EQ(m.size(), 11u);
  EXPECT_EQ(m[0].field("db.namespace"), "shop");
  EXPECT_EQ(m[2].field("db.namespace"), "other");
  EXPECT_EQ(m[6].field("db.namespace"), "third");
  EXPECT_EQ(m[10].field("db.namespace"), "third");
}

TEST(Mysql, TheServerTellsOfAnotherDatabase) {
  const std::string change = text(std::string("\x01") + text(text("told")));
  const std::string said =
      packet(1, little(0, 3) + little(0x4002, 2) + little(0, 2) + text("") + change);
  const auto m = talk({asks("CALL go_there()"), server(said), command('\x0e')}, kTrack);
  ASSERT_EQ(m.size(), 3u);
  EXPECT_EQ(m[2].field("db.namespace"), "told");
}

TEST(Mysql, AttributesOfAQueryAreNotItsText) {
  const std::string none = std::string("\x03\x00\x01", 3) + "SELECT 1";
  const std::string one = std::string("\x03\x01\x01\x00\x01\xfd\x00", 7) + text("trace") +
                          text("secret") + "SELECT 2 FROM t";
  const auto m = talk({client(packet(0, none)), server(ok()), client(packet(0, one))}, kAttributes);
  ASSERT_EQ(m.size(), 3u);
  EXPECT_EQ(m[0].field("db.query.text"), "SELECT ?");
  EXPECT_EQ(m[2].field("db.query.text"), "SELECT ? FROM t");
}

TEST(Mysql, StatementsSentBeforeTheyAreAnswered) {
  const auto m =
      talk({client(packet(0, "\x16SELECT ?") + execute(0xffffffff).bytes + packet(0, "\x0e")),
            server(prepared(9) + ok(1, 3) + ok())});
  ASSERT_EQ(m.size(), 6u);
  EXPECT_EQ(m[1].field("db.query.text"), "SELECT ?");
  EXPECT_EQ(m[4].field("weir.db.affected_rows"), "3");
  EXPECT_FALSE(m[5].has("weir.db.affected_rows"));
}

TEST(Mysql, AnErrorThatNothingWasAskedFor) {
  const auto m = talk({command('\x0e'), server(ok()), server(error(0, 4031, "idle"))});
  ASSERT_EQ(m.size(), 3u);
  EXPECT_EQ(m[2].kind, MessageKind::kUnpaired);
  EXPECT_EQ(m[2].field("db.response.status_code"), "4031");
}

TEST(Mysql, AReportOfProgressIsNoError) {
  const auto m = talk({asks("ALTER TABLE t FORCE"),
                       server(packet(1, "\xff\xff\xff\x01\x01\x02\x10\x27 copy") + ok(2))});
  ASSERT_EQ(m.size(), 2u);
  EXPECT_EQ(m[1].status, Status::kOk);
}

TEST(Mysql, AnUnknownPackingIsOpaque) {
  Drive drive(kMysql);
  const std::uint32_t flags = kBase | kDatabase | kCompress;
  drive.server(greeting(flags).bytes);
  drive.client(login(flags).bytes);
  drive.server(ok(2));
  drive.client(little(10, 3) + '\0' + little(100, 3) + "0123456789");
  EXPECT_TRUE(drive.opaque());
}

// A packet of the compressed protocol that holds these bytes as they are.
std::string wrapped(int number, const std::string& bytes) {
  return little(bytes.size(), 3) + static_cast<char>(number) + little(0, 3) + bytes;
}

TEST(Mysql, PackedPacketsAreReadPieceByPiece) {
  std::string rows;
  for (int i = 3; i < 30000; ++i) rows += row(i & 255);
  const std::string asked = asks("SELECT '" + std::string(200000, 'x') + "'").bytes;
  const std::string answer = packet(1, "\x01") + column(2) + rows + end(30000 & 255);
  const std::string first = wrapped(0, asked.substr(0, 70000)),
                    second = wrapped(1, asked.substr(70000));
  const auto m = talk({client(first + second), server(wrapped(2, answer)),
                       client(wrapped(0, packet(0, "\x0e"))), server(wrapped(1, ok()))},
                      kDeprecateEof | kCompress);
  ASSERT_EQ(m.size(), 4u);
  EXPECT_EQ(m[0].end - m[0].begin, first.size() + second.size());
  EXPECT_EQ(m[1].end - m[1].begin, wrapped(2, answer).size());
  EXPECT_EQ(m[1].field("db.response.returned_rows"), "29997");
}

TEST(Mysql, OnePackedPacketHasSeveralMessages) {
  const std::string ping = packet(0, "\x0e");
  const std::string large = asks("SELECT '" + std::string(100000, 'x') + "'").bytes;
  for (const std::string& asked : {ping + ping, large + ping, ping + large}) {
    const auto m = talk({client(wrapped(0, asked)), server(wrapped(1, ok() + ok()))},
                        kDeprecateEof | kCompress);
    ASSERT_EQ(m.size(), 4u);
    EXPECT_EQ(m[0].begin, m[1].begin);
    EXPECT_EQ(m[1].end - m[1].begin, wrapped(0, asked).size());
    EXPECT_EQ(m[2].end, m[3].end);
  }
}

TEST(Mysql, AfterALossTheNextAnswerBelongsToTheNextCommand) {
  Drive drive(kMysql);
  const std::uint32_t flags = kBase | kDatabase | kDeprecateEof;
  drive.server(greeting(flags).bytes);
  drive.client(login(flags).bytes);
  drive.server(ok(2));
  drive.client(asks("SELECT 1").bytes);
  drive.lose(kToClient, 100);
  drive.client(asks("SELECT 2").bytes);  // whose answer was in what was lost, too
  drive.client(asks("SELECT 3").bytes);
  drive.server(packet(1, "\x01") + column(2) + row(3) + end(4));
  const auto& last = drive.messages().back();
  EXPECT_EQ(last.field("db.response.returned_rows"), "1");
}

TEST(Mysql, JoinedInTheMiddleEverythingSaysSo) {
  const auto m =
      decode({asks("SELECT a FROM t"), server(packet(1, "\x01") + column(2) + row(3) + end(4)),
              execute(3), server(packet(1, "\x01") + column(2) + row(3) + end(4))});
  ASSERT_EQ(m.size(), 4u);
  EXPECT_EQ(m[0].quality, Quality::kLateJoin);
  EXPECT_EQ(m[1].field("db.response.returned_rows"), "1");
  EXPECT_EQ(m[2].field("weir.mysql.statement_id"), "3");
  EXPECT_EQ(m[3].field("db.response.returned_rows"), "1");
}

TEST(Mysql, NoiseIsNotClaimed) {
  std::minstd_rand random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(1 + random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 256);
    for (const Direction direction : {kToServer, kToClient}) {
      EXPECT_NE(kMysql.match(as_bytes(bytes), direction, Transport::kTcp), Match::kYes);
    }
  }
}

TEST(MysqlError, ValuesAreNotShown) {
  char room[512];
  const auto shown = [&](std::uint16_t code, std::string_view message) {
    return std::string(redact_mysql_error(code, message, room));
  };
  EXPECT_EQ(shown(1062, "Duplicate entry 'O'Brien' for key 'name'"), "Duplicate entry '?'");
  EXPECT_EQ(shown(1146, "Table 'shop.item' doesn't exist"), "Table 'shop.item' doesn't exist");
  EXPECT_EQ(shown(1064, "syntax near 'secret' at line 1"), "syntax near '?' at line 1");
  EXPECT_EQ(shown(1064, "cut off near 'sec"), "cut off near '?'");
  EXPECT_EQ(shown(1644, "card 4711 refused"), "?");
  EXPECT_EQ(shown(2013, "no quotes"), "no quotes");
}

TEST(MysqlStatements, TheOldestGoFirst) {
  MysqlStatements statements;
  for (std::uint32_t i = 1; i <= 100; ++i) {
    std::string sql(3000, static_cast<char>('a' + i % 26));
    statements.add(i, SqlOperation{}, sql);
  }
  EXPECT_EQ(statements.find(1), nullptr);
  ASSERT_NE(statements.find(100), nullptr);
  EXPECT_EQ(statements.find(100)->text.size(), 3000u);
  statements.remove(100);
  EXPECT_EQ(statements.find(100), nullptr);
}

}  // namespace
}  // namespace weir
