#include "protocol/sql_operation.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace weir {
namespace {

// A word of at most 16 letters in capitals, to be compared at once.
struct Word {
  std::uint64_t high = 0, low = 0;

  static constexpr Word of(std::string_view text) {
    Word word;
    for (const char c : text) {
      word.high = (word.high << 8) | (word.low >> 56);
      word.low =
          (word.low << 8) | static_cast<std::uint8_t>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return word;
  }
  bool operator==(const Word&) const = default;
};
constexpr std::size_t kLongestWord = 16;

struct Known {
  template <std::size_t N>
  constexpr Known(const char (&spelled)[N]) : name(spelled), word(Word::of(name)) {}
  std::string_view name;
  Word word;
};

// The first of them are nearly all that is ever sent.
constexpr Known kVerbs[] = {"SELECT",
                            "INSERT",
                            "UPDATE",
                            "DELETE",
                            "BEGIN",
                            "COMMIT",
                            "SET",
                            "WITH",
                            "ROLLBACK",
                            "SHOW",
                            "CREATE",
                            "DROP",
                            "ALTER",
                            "START",
                            "END",
                            "EXPLAIN",
                            "VALUES",
                            "MERGE",
                            "REPLACE",
                            "CALL",
                            "COPY",
                            "TABLE",
                            "TRUNCATE",
                            "LOCK",
                            "UNLOCK",
                            "SAVEPOINT",
                            "RELEASE",
                            "ABORT",
                            "PREPARE",
                            "EXECUTE",
                            "DEALLOCATE",
                            "DECLARE",
                            "FETCH",
                            "MOVE",
                            "CLOSE",
                            "LISTEN",
                            "UNLISTEN",
                            "NOTIFY",
                            "VACUUM",
                            "ANALYZE",
                            "ANALYSE",
                            "CLUSTER",
                            "REINDEX",
                            "REFRESH",
                            "CHECKPOINT",
                            "DISCARD",
                            "RESET",
                            "DO",
                            "GRANT",
                            "REVOKE",
                            "COMMENT",
                            "SECURITY",
                            "REASSIGN",
                            "IMPORT",
                            "LOAD",
                            "USE",
                            "DESCRIBE",
                            "DESC",
                            "RENAME",
                            "OPTIMIZE",
                            "REPAIR",
                            "CHECK",
                            "CHECKSUM",
                            "FLUSH",
                            "KILL",
                            "HANDLER",
                            "XA",
                            "INSTALL",
                            "UNINSTALL",
                            "SHUTDOWN",
                            "HELP",
                            "BINLOG",
                            "CACHE",
                            "CHANGE",
                            "PURGE",
                            "STOP",
                            "SIGNAL",
                            "GET",
                            "RESIGNAL",
                            "IDENTIFY_SYSTEM",
                            "START_REPLICATION",
                            "BASE_BACKUP"};

// What a CREATE, DROP, ALTER or START is about; the words before it are not shown.
constexpr Known kObjects[] = {
    "TABLE",   "INDEX",      "VIEW",       "DATABASE", "SCHEMA", "FUNCTION",    "PROCEDURE",
    "TRIGGER", "SEQUENCE",   "TYPE",       "USER",     "ROLE",   "EXTENSION",   "DOMAIN",
    "EVENT",   "SERVER",     "AGGREGATE",  "OPERATOR", "POLICY", "PUBLICATION", "SUBSCRIPTION",
    "RULE",    "STATISTICS", "TABLESPACE", "LANGUAGE", "CAST",   "COLLATION",   "TRANSACTION",
    "SYSTEM",  "SLAVE",      "REPLICA"};

// The words that a WITH can serve.
constexpr Known kServedVerbs[] = {"SELECT", "INSERT", "UPDATE", "DELETE",
                                  "MERGE",  "VALUES", "TABLE"};

template <std::size_t N>
const Known* find(const Known (&list)[N], std::string_view text) {
  if (text.size() > kLongestWord) {
    const auto same = [&](const Known& known) {
      return known.name.size() == text.size() &&
             std::equal(text.begin(), text.end(), known.name.begin(),
                        [](char a, char b) { return (a == b) || (a ^ 0x20) == b; });
    };
    const Known* found = std::find_if(std::begin(list), std::end(list), same);
    return found == std::end(list) ? nullptr : found;
  }
  const Word word = Word::of(text);
  for (const Known& known : list) {
    if (known.word == word) return &known;
  }
  return nullptr;
}

}  // namespace

void SqlOperation::add(std::string_view word) {
  if (word.empty() || size_ + 1 + word.size() > text_.size()) return;
  if (size_ != 0) text_[size_++] = ' ';
  std::memcpy(text_.data() + size_, word.data(), word.size());
  size_ += word.size();
}

void SqlVerb::read(std::string_view word, int depth) {
  const Known* known = nullptr;
  switch (expect_) {
    case kVerb:
      known = find(kVerbs, word);
      expect_ = kNothing;
      if (known == nullptr) return;
      if (known->name == "WITH") {
        expect_ = kServed;
        return;
      }
      if (known->name == "CREATE" || known->name == "DROP" || known->name == "ALTER" ||
          known->name == "START") {
        expect_ = kObject;
      }
      return operation_.add(known->name);
    case kObject:
      known = find(kObjects, word);
      if (known == nullptr) return;
      expect_ = kNothing;
      return operation_.add(known->name);
    case kServed:
      if (depth != 0) return;
      known = find(kServedVerbs, word);
      if (known == nullptr) return;
      expect_ = kNothing;
      return operation_.add(known->name);
    case kNothing:
      return;
  }
}

SqlOperation SqlVerb::take() {
  if (expect_ == kServed) operation_.add("WITH");
  const SqlOperation operation = operation_;
  operation_.clear();
  expect_ = kVerb;
  return operation;
}

}  // namespace weir
