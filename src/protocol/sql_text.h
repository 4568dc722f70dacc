// SQL as a record shows it: one line without comments, every literal a '?', lists of literals
// `(?)`. One pass, no state between texts, no memory but the room that is given.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir {

// Where dialects differ. A server tells some of it as it goes (MySQL: NO_BACKSLASH_ESCAPES in the
// status flags; PostgreSQL: standard_conforming_strings), so a connection may keep its own copy.
struct SqlDialect {
  bool backslash_escapes = false;   // '\'' goes on; E'...' has them in any dialect with dollar
  bool double_quoted_text = false;  // "..." is a literal, not an identifier
  bool backticks = false;           // `...` is an identifier
  bool hash_comments = false;       // # to the end of the line
  bool spaced_dashes = false;       // -- begins a comment only before white space
  bool nested_comments = false;     // /* /* */ */
  bool live_comments = false;       // /*! ... */ and /*M! ... */ are code
  bool dollar = false;              // $1 is a parameter, $tag$ ... $tag$ a literal
  bool question_marks = false;      // ? is a parameter, not an operator
};

inline constexpr SqlDialect kPostgresSql{.nested_comments = true, .dollar = true};
inline constexpr SqlDialect kMysqlSql{.backslash_escapes = true,
                                      .double_quoted_text = true,
                                      .backticks = true,
                                      .hash_comments = true,
                                      .spaced_dashes = true,
                                      .live_comments = true,
                                      .question_marks = true};

// What a text does, in few words fit for a metric label: "SELECT", "CREATE TABLE", "BATCH INSERT"
// (several statements that do the same), "BATCH" (that do not). Empty where the first word is no
// statement's. WITH is the statement that its expressions serve.
class SqlOperation {
 public:
  std::string_view text() const { return {text_.data(), size_}; }
  void add(std::string_view word);
  void clear() { size_ = 0; }

 private:
  std::array<char, 40> text_{};
  std::size_t size_ = 0;
};

struct SqlText {
  std::string_view text;  // in the room, or of `sql` itself where that is shown as it is
  SqlOperation operation;
  std::uint32_t statements = 0;  // empty ones not counted
};

// Reads as much of `sql` as the room can show. `sql` may end anywhere: a literal that was cut is a
// '?' as well. `raw` shows the text as it was sent.
SqlText read_sql(std::string_view sql, const SqlDialect& dialect, bool raw, std::span<char> room);

}  // namespace weir
