// PathTemplates: paths of URLs as a metric label. What tells one thing from another of its kind
// becomes a placeholder (/user/42 is /user/{id}), and only so many templates are told apart: the
// first that were answered, so that a scan of paths that do not exist takes no room from them. Of
// one worker, as its metrics are.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class PathTemplates {
 public:
  static constexpr std::size_t kMaxTemplates = 100;
  static constexpr std::size_t kMaxBytes = 64;
  static constexpr std::size_t kMaxSegments = 8;
  static constexpr std::string_view kOther = "_OTHER";

  using Room = std::array<char, kMaxBytes>;

  // `path` without its query. What goes beyond the bounds is cut and ends in "/*".
  static std::string_view of(std::string_view path, Room& room);

  // The template of `path`, or kOther. `new_too`: it may become one of those that are told apart.
  // Valid as long as this.
  std::string_view label(std::string_view path, bool new_too);

 private:
  std::vector<std::string> templates_;  // reserved at first use, so that views into it stay
  absl::flat_hash_set<std::string_view> known_;
  std::string last_path_;
  std::string_view last_label_;
};

}  // namespace weir
