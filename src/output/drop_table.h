// DropTable: -o text of the drops lens, the most packets first, for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "output/terminal.h"
#include "record/drop.h"

namespace weir {

class DropTable {
 public:
  // `by_reason`: one line for each reason, function and interface, whatever the flows.
  explicit DropTable(bool by_reason = false) : by_reason_(by_reason) {}

  void add(const DropSample& sample);
  // A line of headings, which has the local time, and one for each sample that was added since the
  // last call; `most` at most (0: all). What the room does not hold is cut.
  std::string render(Nanos time, std::size_t most = 0, Room room = {});

 private:
  struct Row {
    std::uint64_t packets = 0;
    std::uint64_t flows = 0;
    std::string reason, function, interface, flow;
  };

  bool by_reason_;
  std::vector<Row> rows_;
};

// One line for a packet, without a line end.
void append_drop_text(std::string& out, const DropEvent& event);

}  // namespace weir
