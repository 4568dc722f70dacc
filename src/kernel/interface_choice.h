// InterfaceChoice: which interfaces the user asked for, by name, by glob (fnmatch) or `any`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir {

class InterfaceChoice {
 public:
  // None at all is `any`.
  explicit InterfaceChoice(std::vector<std::string> patterns);

  bool any() const { return any_; }
  bool matches(const std::string& name) const;
  // Whether it was asked for by this very name.
  bool names(const std::string& name) const;
  // The name, when exactly one was asked for and it is no glob.
  std::optional<std::string> single_name() const;
  // A name without wildcards has to exist at start; a glob may wait for its first match. The error
  // tells the names that are near.
  Result<> check(const std::vector<std::string>& existing) const;

 private:
  std::vector<std::string> patterns_;
  bool any_ = false;
};

}  // namespace weir
