// PostgresStatements: the statements that a connection has prepared, and the portals bound to them.
// Bounded: the oldest go, and what executes them is then shown without its text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/sql_text.h"

namespace weir {

class PostgresStatements {
 public:
  struct Statement {
    std::string name, text;
    SqlOperation operation;
    std::uint32_t statements = 0;
    std::uint32_t serial = 0;  // 0: none
  };
  // Points to a statement as long as nothing else has taken its place.
  struct Reference {
    std::uint32_t slot = 0, serial = 0;
  };

  Reference define(std::string_view name, const SqlText& sql);
  Reference find(std::string_view name) const;
  // Null where it is gone, or never was.
  const Statement* get(Reference reference) const {
    const bool there = reference.serial != 0 && reference.slot < slots_.size() &&
                       slots_[reference.slot].serial == reference.serial;
    return there ? &slots_[reference.slot] : nullptr;
  }
  void close(std::string_view name);

  void bind(std::string_view portal, Reference statement);
  Reference bound(std::string_view portal) const;
  void close_portal(std::string_view portal);

 private:
  static constexpr std::size_t kMost = 256;
  static constexpr std::size_t kMostText = 256 * 1024;  // of all of them
  static constexpr std::size_t kMostPortals = 64;

  struct Portal {
    std::string name;
    Reference statement;
  };

  std::size_t room_for(std::string_view name);
  void forget(std::size_t slot);

  std::vector<Statement> slots_;
  std::vector<Portal> portals_;
  Reference unnamed_portal_;
  std::size_t text_ = 0;    // bytes held
  std::size_t oldest_ = 0;  // the next to go
  std::uint32_t serial_ = 0;
};

}  // namespace weir
