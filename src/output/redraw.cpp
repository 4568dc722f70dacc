#include "output/redraw.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace weir {

Redraw::Redraw(int fd) : fd_(fd), terminal_(isatty(fd) != 0) {}

void Redraw::append(std::string& out, std::string_view table) {
  const auto lines = static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n'));
  if (terminal_ && lines_ > 0) {
    winsize window{};
    const bool sized = ioctl(fd_, TIOCGWINSZ, &window) == 0 && window.ws_row > 0;
    const bool fits = !sized || lines_ < window.ws_row;
    // Up to where it began, or where that has left the screen, to the top; then clear what is
    // below.
    out += fits ? "\x1b[" + std::to_string(lines_) + "A" : "\x1b[H";
    out += "\r\x1b[J";
  } else if (lines_ > 0) {
    out += '\n';
  }
  out += table;
  lines_ = lines;
}

}  // namespace weir
