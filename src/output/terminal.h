// Terminal: how much room the output has, and tables that are drawn anew in their place there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

// 0: without limit.
struct Room {
  std::size_t rows = 0, columns = 0;
};

// Ends every line at the terminal's edge; 0 columns: as they are. Characters are taken to be one
// column wide.
std::string cut_lines(std::string_view table, std::size_t columns);

class Terminal {
 public:
  // Anything may be at `fd`.
  explicit Terminal(int fd);

  // Of a table that is drawn anew: no limit where it is none.
  Room room() const;
  // Appends `table`, whole lines that fit into the room, in the place of the one before; where
  // there is no terminal, below it.
  void append(std::string& out, std::string_view table);

 private:
  int fd_;
  bool terminal_;
  std::size_t lines_ = 0;  // of the one before
};

}  // namespace weir
