// GoFlags: a command line as Go's flag package reads it. -x and --x are the same; a value is
// -x VALUE or -x=VALUE, of a switch -x=VALUE alone; the first argument that is no flag, or --, ends
// the flags.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir {

class GoFlags {
 public:
  // Each with all its names, without dashes. Targets keep their value where the flag is not given,
  // and have to outlive parse().
  void add(const std::vector<std::string>& names, std::string& target);
  void add(const std::vector<std::string>& names, std::int64_t& target);
  void add(const std::vector<std::string>& names, bool& target);

  // Once. Gives what follows the flags; an error is in Go's words.
  Result<std::vector<std::string>> parse(const std::vector<std::string>& arguments) const;

 private:
  struct Flag {
    std::function<bool(const std::string&)> set;  // false: not such a value
    bool is_switch = false;
  };

  void add(const std::vector<std::string>& names, const Flag& flag);

  std::map<std::string, Flag> flags_;
};

}  // namespace weir
