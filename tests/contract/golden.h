// The golden conversations: tests/contract/golden/README.md describes their files.
#pragma once

#include <string>
#include <vector>

#include "contract/drive.h"
#include "protocol/decoder.h"

namespace weir::test {

struct Conversation {
  struct Line {
    Direction direction;
    std::string bytes;
  };

  const Protocol* protocol = nullptr;
  Transport transport = Transport::kTcp;
  std::size_t messages = 0;  // that the decoder emits
  std::string name;          // <protocol>_<line of the file>
  std::vector<Line> lines;

  // All that one direction sends; of a UDP conversation its first datagram.
  std::string head(Direction direction) const;
  void feed(Drive& drive) const;
};

// Of every registered protocol that has a file in `directory`. Throws std::runtime_error naming the
// file and line that cannot be read.
std::vector<Conversation> load_golden(const std::string& directory);

}  // namespace weir::test
