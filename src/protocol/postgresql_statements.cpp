#include "protocol/postgresql_statements.h"

#include <algorithm>

namespace weir {

PostgresStatements::Reference PostgresStatements::find(std::string_view name) const {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    const Statement& statement = slots_[slot];
    if (statement.serial != 0 && statement.name == name) {
      return {static_cast<std::uint32_t>(slot), statement.serial};
    }
  }
  return {};
}

PostgresStatements::Reference PostgresStatements::define(std::string_view name,
                                                         const SqlText& sql) {
  const std::size_t slot = room_for(name);
  Statement& statement = slots_[slot];
  const std::size_t before = statement.text.capacity();
  statement.name.assign(name);
  statement.text.assign(sql.text);
  statement.operation = sql.operation;
  statement.statements = sql.statements;
  if (++serial_ == 0) ++serial_;
  statement.serial = serial_;
  text_ += statement.text.capacity() - before;
  for (std::size_t i = 0; i < slots_.size() && text_ > kMostText; ++i) {
    if (oldest_ != slot) forget(oldest_);
    oldest_ = (oldest_ + 1) % slots_.size();
  }
  return {static_cast<std::uint32_t>(slot), statement.serial};
}

std::size_t PostgresStatements::room_for(std::string_view name) {
  if (const Reference same = find(name); same.serial != 0) return same.slot;
  const auto free =
      std::find_if(slots_.begin(), slots_.end(), [](const Statement& s) { return s.serial == 0; });
  if (free != slots_.end()) return static_cast<std::size_t>(free - slots_.begin());
  if (slots_.size() < kMost) {
    slots_.emplace_back();
    return slots_.size() - 1;
  }
  oldest_ = (oldest_ + 1) % kMost;
  return oldest_;
}

void PostgresStatements::forget(std::size_t slot) {
  Statement& statement = slots_[slot];
  text_ -= statement.text.capacity();
  std::string().swap(statement.text);
  text_ += statement.text.capacity();
  statement.serial = 0;
}

void PostgresStatements::close(std::string_view name) {
  if (const Reference found = find(name); found.serial != 0) slots_[found.slot].serial = 0;
}

void PostgresStatements::bind(std::string_view portal, Reference statement) {
  if (portal.empty()) {
    unnamed_portal_ = statement;
    return;
  }
  for (Portal& one : portals_) {
    if (one.name == portal) {
      one.statement = statement;
      return;
    }
  }
  if (portals_.size() == kMostPortals) portals_.erase(portals_.begin());
  portals_.push_back({std::string(portal), statement});
}

PostgresStatements::Reference PostgresStatements::bound(std::string_view portal) const {
  if (portal.empty()) return unnamed_portal_;
  for (const Portal& one : portals_) {
    if (one.name == portal) return one.statement;
  }
  return {};
}

void PostgresStatements::close_portal(std::string_view portal) {
  std::erase_if(portals_, [&](const Portal& one) { return one.name == portal; });
}

}  // namespace weir
