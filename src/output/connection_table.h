// ConnectionTable: -o text of the connections lens, those with most traffic first, for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "output/terminal.h"
#include "record/connection.h"

namespace weir {

class ConnectionTable {
 public:
  void add(const ConnectionSample& sample);
  // Two lines of headings, of which the first has the local time, and one per connection that was
  // added since the last call. What the room does not hold is cut.
  std::string render(Nanos time, Room room = {});

 private:
  struct Row {
    std::uint64_t bytes = 0;  // both ways, in the interval
    std::string process, local, remote, numbers;
  };

  std::vector<Row> rows_;
};

// One line for what happened, without a line end.
void append_event_text(std::string& out, const ConnectionEvent& event);

}  // namespace weir
