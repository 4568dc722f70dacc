#include "output/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace weir {
namespace {

bool can_move_cursor(int fd) {
  const char* kind = std::getenv("TERM");
  return isatty(fd) != 0 && (kind == nullptr || std::string_view(kind) != "dumb");
}

}  // namespace

std::string cut_lines(std::string_view table, std::size_t columns) {
  if (columns == 0) return std::string(table);
  std::string out;
  std::size_t used = 0;
  for (const char c : table) {
    if (c == '\n') used = 0;
    // What continues a character of UTF-8 takes no column.
    else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80)
      ++used;
    if (used <= columns) out += c;
  }
  return out;
}

Terminal::Terminal(int fd) : fd_(fd), terminal_(can_move_cursor(fd)) {}

Room Terminal::room() const {
  winsize window{};
  if (!terminal_ || ioctl(fd_, TIOCGWINSZ, &window) != 0) return {};
  return {window.ws_row, window.ws_col};
}

void Terminal::append(std::string& out, std::string_view table) {
  if (lines_ > 0) out += terminal_ ? "\r\x1b[" + std::to_string(lines_) + "A\x1b[J" : "\n";
  out += table;
  lines_ = static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n'));
}

}  // namespace weir
