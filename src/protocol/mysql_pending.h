// MysqlPending: the commands of a connection that wait for their answers, in order, and what must
// be remembered of them until these come. Bounded: of what is beyond only the number is kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/mysql_commands.h"
#include "protocol/sql_text.h"

namespace weir {

class MysqlPending {
 public:
  struct Command {
    const MysqlCommand* command = nullptr;
    std::uint8_t next_sequence = 1;  // of the answer's first packet
    bool remembers = false;          // text and operation are set
    std::string text;                // of the statement to be prepared, or the database's name
    SqlOperation operation;
  };

  // The new last one, cleared; null when there are too many.
  Command* push();
  // The one that is answered next; null where nothing is known of it.
  Command* front() { return count_ > 0 ? &at(0) : nullptr; }
  const Command* front() const { return count_ > 0 ? &ring_[first_] : nullptr; }
  Command* back() { return count_ > 0 && unknown_ == 0 ? &at(count_ - 1) : nullptr; }
  Command* before_back() { return count_ > 1 && unknown_ == 0 ? &at(count_ - 2) : nullptr; }
  void pop();
  bool empty() const { return count_ == 0 && unknown_ == 0; }
  void clear() { first_ = count_ = unknown_ = 0; }

 private:
  static constexpr std::size_t kMost = 64;

  Command& at(std::size_t index) { return ring_[(first_ + index) % ring_.size()]; }

  std::vector<Command> ring_;
  std::size_t first_ = 0, count_ = 0;
  std::size_t unknown_ = 0;  // commands behind those
};

}  // namespace weir
