#include "protocol/mysql_statements.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

template <class List>
auto place_of(List& list, std::uint32_t number) {
  return std::lower_bound(
      list.begin(), list.end(), number,
      [](const MysqlStatements::Statement& s, std::uint32_t n) { return s.number < n; });
}

}  // namespace

void MysqlStatements::add(std::uint32_t number, const SqlOperation& operation, std::string& text) {
  remove(number);
  const auto at = statements_.insert(place_of(statements_, number), Statement{});
  at->number = number;
  at->operation = operation;
  at->text.swap(text);
  bytes_ += cost(*at);
  if (!spare_.empty()) {
    text.swap(spare_.back());
    spare_.pop_back();
  }
  text.clear();
  while (bytes_ > kMaxBytes && statements_.size() > 1) drop(0);
}

const MysqlStatements::Statement* MysqlStatements::find(std::uint32_t number) const {
  const auto at = place_of(statements_, number);
  return at != statements_.end() && at->number == number ? &*at : nullptr;
}

void MysqlStatements::remove(std::uint32_t number) {
  const auto at = place_of(statements_, number);
  if (at != statements_.end() && at->number == number) {
    drop(static_cast<std::size_t>(at - statements_.begin()));
  }
}

void MysqlStatements::clear() {
  statements_.clear();
  bytes_ = 0;
}

void MysqlStatements::drop(std::size_t index) {
  Statement& statement = statements_[index];
  bytes_ -= cost(statement);
  if (spare_.size() < kMaxSpare) spare_.push_back(std::move(statement.text));
  statements_.erase(statements_.begin() + static_cast<std::ptrdiff_t>(index));
}

}  // namespace weir
