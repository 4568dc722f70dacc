#include "protocol/sql_text.h"

#include <algorithm>
#include <cstring>

#include "protocol/text_buffer.h"

namespace weir {
namespace {

enum Class : std::uint8_t { kOther, kSpace, kLetter, kDigit, kOpen, kClose };

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c <= ' '; ++c) classes[c] = kSpace;
  for (unsigned c = '0'; c <= '9'; ++c) classes[c] = kDigit;
  for (unsigned c = 'a'; c <= 'z'; ++c) classes[c] = classes[c - 'a' + 'A'] = kLetter;
  for (unsigned c = 0x80; c < 256; ++c) classes[c] = kLetter;
  classes['_'] = kLetter;
  classes['('] = classes['['] = kOpen;
  classes[')'] = classes[']'] = kClose;
  return classes;
}
constexpr auto kClasses = make_classes();

Class class_of(char c) { return static_cast<Class>(kClasses[static_cast<std::uint8_t>(c)]); }

constexpr std::array<bool, 256> make_word_bytes() {
  std::array<bool, 256> bytes{};
  for (std::size_t c = 0; c < bytes.size(); ++c) {
    bytes[c] = kClasses[c] == kLetter || kClasses[c] == kDigit || c == '$';
  }
  return bytes;
}
constexpr auto kWordBytes = make_word_bytes();
bool in_word(char c) { return kWordBytes[static_cast<std::uint8_t>(c)]; }

class Scanner {
 public:
  Scanner(std::string_view sql, const SqlDialect& dialect, std::span<char> room)
      : at_(sql.data()), end_(sql.data() + sql.size()), dialect_(dialect), out_(room) {}

  void run(SqlText& result);

 private:
  enum Token : std::uint8_t { kNothing, kText, kOperator, kOpened, kClosed, kComma, kValue };
  // What is known of the innermost parentheses: so far values and commas only, or not.
  enum List : std::uint8_t { kNoList, kEmpty, kAfterValue, kAfterComma, kAfterMore };

  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  char peek(std::size_t ahead) const { return ahead < left() ? at_[ahead] : '\0'; }
  // The next place of `c` from `from` on, or the end.
  const char* find_char(const char* from, char c) const {
    const void* found = std::memchr(from, c, static_cast<std::size_t>(end_ - from));
    return found == nullptr ? end_ : static_cast<const char*>(found);
  }
  void step();
  void read_word();
  void read_other();
  void read_dollar();
  void read_number();
  void read_open();
  void read_close();
  List join_values();
  void skip_line() { at_ = find_char(at_, '\n'), space_ = true; }
  void skip_comment();
  const char* past_quoted(const char* from, char quote, bool backslashes) const;
  void read_literal(char quote, bool backslashes);
  void read_identifier(char quote);

  void begin_token(Token token);
  void show(const char* until) {
    out_.put({at_, static_cast<std::size_t>(until - at_)}), at_ = until;
  }
  void show_value(std::string_view text);
  void end_statement();
  void finish_operation();

  const char* at_;
  const char* const end_;
  const SqlDialect dialect_;
  TextBuffer out_;
  Token last_ = kNothing;
  bool space_ = false, semicolon_ = false, in_live_comment_ = false, literal_ = false;
  List list_ = kNoList;
  std::size_t list_begin_ = 0;     // in the output: the first value of the list
  std::size_t row_end_ = 0;        // behind a `(?)` that only a comma has followed; 0: none
  std::size_t outer_row_end_ = 0;  // of the row before the list that is open
  SqlVerb verb_;
  int depth_ = 0;
  SqlOperation first_;  // of the first statement
  std::uint32_t statements_ = 0;
  bool alike_ = true;
};

void Scanner::run(SqlText& result) {
  while (at_ != end_ && !out_.full()) step();
  finish_operation();
  result.text = out_.since(0);
  result.statements = statements_;
  if (statements_ <= 1) {
    result.operation = first_;
    return;
  }
  result.operation.add("BATCH");
  if (alike_) result.operation.add(first_.text());
}

void Scanner::step() {
  switch (class_of(*at_)) {
    case kSpace:
      ++at_;
      space_ = true;
      return;
    case kLetter:
      return read_word();
    case kDigit:
      return read_number();
    case kOpen:
      return read_open();
    case kClose:
      return read_close();
    case kOther:
      return read_other();
  }
}

// Writes what separates this token from the one before.
void Scanner::begin_token(Token token) {
  if (semicolon_) {
    semicolon_ = space_ = false;
    out_.put("; ");
  } else if (space_) {
    space_ = false;
    const bool tight = last_ == kOpened || last_ == kNothing || token == kClosed || token == kComma;
    if (!tight) out_.put(' ');
  }
  if (last_ == kNothing) ++statements_;
  last_ = token;
  literal_ = false;
  if (token == kValue || token == kClosed || token == kComma) return;
  list_ = kNoList;
  if (token != kOpened) row_end_ = 0;
}

void Scanner::read_word() {
  const char* word_end = at_ + 1;
  while (word_end != end_ && in_word(*word_end)) ++word_end;
  const std::string_view word(at_, static_cast<std::size_t>(word_end - at_));
  if (word_end != end_ && word.size() == 1 && (*word_end == '\'' || *word_end == '&')) {
    const char letter = static_cast<char>(word[0] | 0x20);
    const bool escaped = letter == 'e' && dialect_.dollar;
    if (*word_end == '\'' && (escaped || letter == 'b' || letter == 'x' || letter == 'n')) {
      at_ = word_end;
      return read_literal('\'', letter == 'e' || dialect_.backslash_escapes);
    }
    if (letter == 'u' && dialect_.dollar && peek(2) == '\'') {  // U&'...'
      at_ += 2;
      return read_literal('\'', false);
    }
  }
  begin_token(kText);
  if (verb_.wants()) verb_.read(word, depth_);
  show(word_end);
}

// Digits and all that may belong to them: 1.5e-3, 0xff, 1_000.
void Scanner::read_number() {
  const char* p = at_;
  for (; p != end_; ++p) {
    if (in_word(*p) || *p == '.') continue;
    const bool exponent = (*p == '-' || *p == '+') && (p[-1] == 'e' || p[-1] == 'E') &&
                          p + 1 != end_ && class_of(p[1]) == kDigit;
    if (!exponent) break;
  }
  at_ = p;
  show_value("?");
}

void Scanner::show_value(std::string_view text) {
  const List list = list_;
  begin_token(kValue);
  row_end_ = 0;
  list_ = list == kEmpty ? kAfterValue : list == kAfterComma ? kAfterMore : kNoList;
  if (list == kEmpty) list_begin_ = out_.size();
  out_.put(text);
}

// Several values, up to a comma or the end of their list, are one.
Scanner::List Scanner::join_values() {
  if (list_ != kAfterMore) return list_;
  out_.cut(list_begin_);
  out_.put('?');
  space_ = false;
  return kAfterValue;
}

void Scanner::read_open() {
  const bool row = last_ == kComma && row_end_ != 0;
  const std::size_t row_end = row_end_;
  begin_token(kOpened);
  ++depth_;
  outer_row_end_ = row && *at_ == '(' ? row_end : 0;
  row_end_ = 0;
  show(at_ + 1);
  list_ = kEmpty;
}

void Scanner::read_close() {
  const List list = join_values();
  begin_token(kClosed);
  if (depth_ > 0) --depth_;
  list_ = kNoList;
  row_end_ = 0;
  const bool round = *at_ == ')';
  show(at_ + 1);
  if (list != kAfterValue || !round) return;
  if (outer_row_end_ != 0) out_.cut(outer_row_end_);
  row_end_ = out_.size();
}

void Scanner::read_other() {
  const char c = *at_, next = peek(1);
  switch (c) {
    case '\'':
      return read_literal(c, dialect_.backslash_escapes);
    case '"':
      if (dialect_.double_quoted_text) return read_literal(c, dialect_.backslash_escapes);
      return read_identifier(c);
    case '`':
      if (dialect_.backticks) return read_identifier(c);
      break;
    case '$':
      if (dialect_.dollar) return read_dollar();
      break;
    case '#':
      if (dialect_.hash_comments) return skip_line();
      break;
    case '?':
      if (!dialect_.question_marks) break;
      ++at_;
      return show_value("?");
    case '/':
      if (next == '*') return skip_comment();
      break;
    case '*':
      if (next != '/' || !in_live_comment_) break;
      in_live_comment_ = false;
      at_ += 2;
      space_ = true;
      return;
    case ';':
      ++at_;
      return end_statement();
    case ',': {
      const List list = join_values();
      const std::size_t row_end = row_end_;
      begin_token(kComma);
      list_ = list == kAfterValue ? kAfterComma : kNoList;
      row_end_ = row_end;
      return show(at_ + 1);
    }
    case '.':
      if (class_of(next) == kDigit && last_ != kText) return read_number();
      break;
    case '-':
    case '+': {
      if (c == '-' && next == '-' && (!dialect_.spaced_dashes || class_of(peek(2)) == kSpace)) {
        return skip_line();
      }
      const bool number = class_of(next) == kDigit || (next == '.' && class_of(peek(2)) == kDigit);
      if (number && (last_ == kOperator || last_ == kOpened || last_ == kComma)) {
        ++at_;  // the sign of a number
        return read_number();
      }
      break;
    }
    default:
      break;
  }
  begin_token(kOperator);
  show(at_ + 1);
}

// $1, or $tag$ ... $tag$
void Scanner::read_dollar() {
  const char* p = at_ + 1;
  if (p != end_ && class_of(*p) == kDigit) {
    while (p != end_ && class_of(*p) == kDigit) ++p;
    const std::string_view parameter(at_, static_cast<std::size_t>(p - at_));
    at_ = p;
    return show_value(parameter);
  }
  while (p != end_ && (class_of(*p) == kLetter || class_of(*p) == kDigit)) ++p;
  if (p == end_ || *p != '$') {
    begin_token(kOperator);
    return show(at_ + 1);
  }
  const std::string_view tag(at_, static_cast<std::size_t>(p + 1 - at_));
  const std::string_view rest(p + 1, static_cast<std::size_t>(end_ - p - 1));
  const std::size_t found = rest.find(tag);
  at_ = found == std::string_view::npos ? end_ : rest.data() + found + tag.size();
  show_value("?");
}

const char* Scanner::past_quoted(const char* from, char quote, bool backslashes) const {
  for (const char* p = from;;) {
    const char* close = find_char(p, quote);
    if (backslashes) {
      const char* slash =
          static_cast<const char*>(std::memchr(p, '\\', static_cast<std::size_t>(close - p)));
      if (slash != nullptr) {
        if (end_ - slash <= 2) return end_;
        p = slash + 2;
        continue;
      }
    }
    if (close == end_) return end_;
    if (close + 1 == end_ || close[1] != quote) return close + 1;
    p = close + 2;
  }
}

void Scanner::read_literal(char quote, bool backslashes) {
  at_ = past_quoted(at_ + 1, quote, backslashes);
  if (literal_) {  // 'a' 'b' is one literal
    space_ = false;
    return;
  }
  show_value("?");
  literal_ = true;
}

void Scanner::read_identifier(char quote) {
  begin_token(kText);
  verb_.skip();
  show(past_quoted(at_ + 1, quote, false));
}

void Scanner::skip_comment() {
  const std::size_t mark = peek(2) == 'M' ? 3 : 2;
  if (dialect_.live_comments && peek(mark) == '!') {
    at_ += mark + 1;
    while (at_ != end_ && class_of(*at_) == kDigit) ++at_;
    in_live_comment_ = space_ = true;
    return;
  }
  space_ = true;
  int depth = 1;
  for (const char* p = at_ + 2;;) {
    p = find_char(p, '/');
    if (p == end_) break;
    if (p[-1] == '*' && p - 1 >= at_ + 2) {
      ++p;
      if (--depth != 0) continue;
      at_ = p;
      return;
    }
    ++p;
    if (p != end_ && *p == '*' && dialect_.nested_comments) {
      ++depth;
      ++p;
      if (p != end_ && *p == '/') ++p;  // of /*/ the star is used up
    }
  }
  at_ = end_;
}

void Scanner::end_statement() {
  // In a function's body (BEGIN ATOMIC ...) it would end nothing, but such a text is no batch.
  if (last_ == kNothing) return;
  finish_operation();
  semicolon_ = true;
  space_ = literal_ = false;
  last_ = kNothing;
  list_ = kNoList;
  row_end_ = 0;
  depth_ = 0;
}

void Scanner::finish_operation() {
  if (last_ == kNothing) return;
  const SqlOperation operation = verb_.take();
  if (statements_ == 1) {
    first_ = operation;
  } else if (operation.text() != first_.text()) {
    alike_ = false;
  }
}

}  // namespace

SqlText read_sql(std::string_view sql, const SqlDialect& dialect, bool raw, std::span<char> room) {
  SqlText result;
  Scanner(sql, dialect, room).run(result);
  if (raw) {
    while (!sql.empty() && class_of(sql.back()) == kSpace) sql.remove_suffix(1);
    while (!sql.empty() && class_of(sql.front()) == kSpace) sql.remove_prefix(1);
    result.text = sql.substr(0, room.size());
  }
  return result;
}

}  // namespace weir
