// MysqlStatements: the texts of a connection's prepared statements. Bounded: the oldest go first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/sql_text.h"

namespace weir {

class MysqlStatements {
 public:
  static constexpr std::size_t kMaxText = 4096;  // of one, the rest is cut
  static constexpr std::size_t kMaxBytes = 128 << 10;

  struct Statement {
    std::uint32_t number = 0;
    SqlOperation operation;
    std::string text;
  };

  // Takes over what is in `text` and leaves room that can be used again.
  void add(std::uint32_t number, const SqlOperation& operation, std::string& text);
  // Null when it is not known. Valid until the next call that changes something.
  const Statement* find(std::uint32_t number) const;
  void remove(std::uint32_t number);
  void clear();

 private:
  static constexpr std::size_t kMaxSpare = 4;

  std::size_t cost(const Statement& statement) const {
    return sizeof statement + statement.text.capacity();
  }
  void drop(std::size_t index);

  // By number, which servers count up.
  std::vector<Statement> statements_;
  std::vector<std::string> spare_;
  std::size_t bytes_ = 0;
};

}  // namespace weir
