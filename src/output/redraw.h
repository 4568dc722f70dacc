// Redraw: a table that is drawn anew in its place on a terminal, and otherwise one below the other.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

class Redraw {
 public:
  explicit Redraw(int fd);

  // Appends `table`, whole lines, and before it what puts it in the place of the one before.
  void append(std::string& out, std::string_view table);

 private:
  int fd_;
  bool terminal_;
  std::size_t lines_ = 0;  // of the one before
};

}  // namespace weir
