#include "protocol/sql_text.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

SqlText read(std::string_view sql, const SqlDialect& dialect, std::span<char> room) {
  return read_sql(sql, dialect, false, room);
}

std::string shown(std::string_view sql, const SqlDialect& dialect) {
  std::array<char, 4096> room;
  return std::string(read(sql, dialect, room).text);
}
std::string pg(std::string_view sql) { return shown(sql, kPostgresSql); }
std::string my(std::string_view sql) { return shown(sql, kMysqlSql); }

std::string operation(std::string_view sql, const SqlDialect& dialect = kPostgresSql) {
  std::array<char, 4096> room;
  return std::string(read(sql, dialect, room).operation.text());
}
std::uint32_t statements(std::string_view sql) {
  std::array<char, 4096> room;
  return read(sql, kPostgresSql, room).statements;
}

TEST(SqlText, NumbersAndStringsAreNotShown) {
  EXPECT_EQ(pg("SELECT * FROM t1 WHERE a = 12 AND b='x''y' AND c>1.5e-3 AND d < .5"),
            "SELECT * FROM t1 WHERE a = ? AND b=? AND c>? AND d < ?");
  EXPECT_EQ(pg("select -1, a-1, a - -1, 0x1F, 1_000, t2.c3, x4"),
            "select -?, a-?, a - ?, ?, ?, t2.c3, x4");
  EXPECT_EQ(pg("SELECT DATE '2020-01-01', interval '1 day'"), "SELECT DATE ?, interval ?");
  EXPECT_EQ(pg("ALTER ROLE r PASSWORD 'secret'"), "ALTER ROLE r PASSWORD ?");
  EXPECT_EQ(pg("SELECT a[1:2]"), "SELECT a[?:?]");
}

TEST(SqlText, PostgresHasItsOwnLiterals) {
  EXPECT_EQ(pg(R"(SELECT E'a\'b', e'\\', B'01', X'1f', U&'\0441', 'c:\')"),
            "SELECT ?, ?, ?, ?, ?, ?");
  EXPECT_EQ(pg("DO $$ BEGIN x := 'a'; END $$; SELECT $f$ $$ ; $f$"), "DO ?; SELECT ?");
  EXPECT_EQ(pg("SELECT $1::int, a::text FROM t WHERE b = $2"),
            "SELECT $1::int, a::text FROM t WHERE b = $2");
  EXPECT_EQ(pg(R"(SELECT "a'b", U&"d", "x""y" FROM "T" WHERE j ? 'k' AND a$1 #> '{a}')"),
            R"(SELECT "a'b", U&"d", "x""y" FROM "T" WHERE j ? ? AND a$1 #> ?)");
  EXPECT_EQ(pg("SELECT 'a'\n  'b', 'c'"), "SELECT ?, ?");
  SqlDialect old = kPostgresSql;
  old.backslash_escapes = true;
  EXPECT_EQ(shown(R"(SELECT 'a\' secret', 1)", old), "SELECT ?, ?");
}

TEST(SqlText, MysqlHasItsOwnLiterals) {
  EXPECT_EQ(my(R"(SELECT `a'1`, "it's \" 5", 'x\'y', x'4D', _utf8'z' FROM `t``u` WHERE c = ?)"),
            "SELECT `a'1`, ?, ?, ?, _utf8? FROM `t``u` WHERE c = ?");
  EXPECT_EQ(my("SELECT 5--3, @a # 'secret'\n, 2 -- 'secret'\n"), "SELECT ?-?, @a, ?");
  EXPECT_EQ(my("SELECT /*!40001 SQL_NO_CACHE */ * FROM t /*M!100100 WHERE a=1 */"),
            "SELECT SQL_NO_CACHE * FROM t WHERE a=?");
  EXPECT_EQ(my("SELECT /* /* 'x' */ 1"), "SELECT ?");
  SqlDialect standard = kMysqlSql;
  standard.backslash_escapes = false;
  EXPECT_EQ(shown(R"(SELECT 'a\', 1)", standard), "SELECT ?, ?");
}

TEST(SqlText, CommentsAndWhiteSpaceAreOneSpace) {
  EXPECT_EQ(pg("  SELECT\n\t1 -- 'secret'\n  , /* a /* b */ 'secret' */ 2 ;\n;"), "SELECT ?, ?");
  EXPECT_EQ(pg("SELECT 1 /*traceparent='00-ab-01'*/"), "SELECT ?");
  EXPECT_EQ(pg("/* only */ -- this"), "");
  EXPECT_EQ(pg("SELECT 1/**/+/*/ x */2"), "SELECT ? + ?");
}

TEST(SqlText, ListsOfLiteralsAreOne) {
  EXPECT_EQ(pg("SELECT a FROM t WHERE b IN (1, 2, 'x', -4) AND c = 3"),
            "SELECT a FROM t WHERE b IN (?) AND c = ?");
  EXPECT_EQ(pg("INSERT INTO t (a, b) VALUES ( 1,'a' ), (2 , 'b'), (3,'c')"),
            "INSERT INTO t (a, b) VALUES (?)");
  EXPECT_EQ(pg("INSERT INTO t VALUES (1, now()), (2, NULL)"),
            "INSERT INTO t VALUES (?, now()), (?, NULL)");
  EXPECT_EQ(pg("SELECT a IN ($1, $2, $3), b IN ($4), f($5, x), ARRAY[1,2]"),
            "SELECT a IN (?), b IN ($4), f($5, x), ARRAY[?]");
  EXPECT_EQ(my("SELECT a IN (?, ?, ?)"), "SELECT a IN (?)");
  std::string many = "SELECT a IN (1";
  for (int i = 0; i < 100000; ++i) many += ", 'value'";
  EXPECT_EQ(pg(many + ") AND b"), "SELECT a IN (?) AND b");
}

TEST(SqlText, NoLiteralIsShownOfATextCutAnywhere) {
  const std::string text =
      R"(SELECT 'SECRET', E'\'SECRET', $t$ SECRET $t$, 7777 /* SECRET */ -- SECRET)";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string shown = pg(text.substr(0, size));
    EXPECT_EQ(shown.find("SEC"), std::string::npos) << shown;
    EXPECT_EQ(shown.find('7'), std::string::npos) << shown;
  }
  const std::string other = R"(SELECT 'SECRET\'SECRET', "SECRET", b'7777' # SECRET)";
  for (std::size_t size = 0; size <= other.size(); ++size) {
    const std::string shown = my(other.substr(0, size));
    EXPECT_EQ(shown.find("SEC"), std::string::npos) << shown;
    EXPECT_EQ(shown.find('7'), std::string::npos) << shown;
  }
}

TEST(SqlText, OperationIsTheStatementsVerb) {
  EXPECT_EQ(operation("  select 1"), "SELECT");
  EXPECT_EQ(operation("BEGIN"), "BEGIN");
  EXPECT_EQ(operation("(SELECT 1) UNION SELECT 2"), "SELECT");
  EXPECT_EQ(operation("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)"), "CREATE INDEX");
  EXPECT_EQ(operation("create or replace temporary table t (a int)"), "CREATE TABLE");
  EXPECT_EQ(operation("START TRANSACTION READ ONLY"), "START TRANSACTION");
  EXPECT_EQ(operation("WITH a AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM a"),
            "INSERT");
  EXPECT_EQ(operation("foo bar"), "");
  EXPECT_EQ(operation(""), "");
  EXPECT_EQ(operation("START_REPLICATION SLOT s LOGICAL 0/0"), "START_REPLICATION");
  EXPECT_EQ(operation("CREATE SUBSCRIPTION_NOT_AN_OBJECT_AT_ALL x"), "CREATE");
}

TEST(SqlText, StatementsOfABatchAreCounted) {
  EXPECT_EQ(pg("BEGIN; SELECT 1 ;; COMMIT;"), "BEGIN; SELECT ?; COMMIT");
  EXPECT_EQ(statements("BEGIN; SELECT 1 ;; COMMIT;"), 3u);
  EXPECT_EQ(operation("BEGIN; SELECT 1; COMMIT"), "BATCH");
  EXPECT_EQ(operation("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);"), "BATCH INSERT");
  EXPECT_EQ(statements("SELECT 'a;b'; -- c;"), 1u);
  EXPECT_EQ(statements(" ; "), 0u);
  EXPECT_EQ(operation("SELECT 1; foo"), "BATCH");
}

TEST(SqlText, WhatTheRoomCannotHoldIsCut) {
  std::array<char, 10> room;
  EXPECT_EQ(read_sql("SELECT abcdefgh FROM t", kPostgresSql, false, room).text, "SELECT abc");
  EXPECT_EQ(read_sql(" SELECT 1234 ", kPostgresSql, true, room).text, "SELECT 123");
}

TEST(SqlText, RawTextIsShownAsItWasSent) {
  std::array<char, 100> room;
  const SqlText text = read_sql("\nSELECT  'a' ;\n", kPostgresSql, true, room);
  EXPECT_EQ(text.text, "SELECT  'a' ;");
  EXPECT_EQ(text.operation.text(), "SELECT");
}

}  // namespace
}  // namespace weir
