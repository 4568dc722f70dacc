// KernelSymbols: the functions of the running kernel and its modules, by address. Needs CAP_SYSLOG
// while it is read; addresses are hidden without.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir {

class KernelSymbols {
 public:
  static Result<KernelSymbols> read();
  // In the form of /proc/kallsyms.
  static KernelSymbols parse(std::string_view text);

  // False where the kernel hides its addresses.
  bool known() const { return !functions_.empty(); }
  // The function that the instruction is in, without what the compiler adds to the name of a part
  // of one (".cold"); empty where none is known. Valid as long as this.
  std::string_view function_at(std::uint64_t address) const;

 private:
  struct Function {
    std::uint64_t address;
    std::uint32_t name, length;
  };

  std::vector<Function> functions_;  // by address
  std::string names_;
};

}  // namespace weir
