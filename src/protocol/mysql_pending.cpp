#include "protocol/mysql_pending.h"

#include <algorithm>
#include <utility>

namespace weir {

MysqlPending::Command* MysqlPending::push() {
  if (count_ == kMost || unknown_ > 0) {
    ++unknown_;
    return nullptr;
  }
  if (count_ == ring_.size()) {
    std::vector<Command> larger(std::max<std::size_t>(2, 2 * count_));
    for (std::size_t i = 0; i < count_; ++i) larger[i] = std::move(at(i));
    ring_ = std::move(larger);
    first_ = 0;
  }
  Command& command = at(count_++);
  command.next_sequence = 1;
  command.remembers = false;
  command.text.clear();
  return &command;
}

void MysqlPending::pop() {
  if (count_ > 0) {
    first_ = (first_ + 1) % ring_.size();
    --count_;
  } else if (unknown_ > 0) {
    --unknown_;
  }
}

}  // namespace weir
