// Writes the golden conversations as inputs of decode_fuzz:
//   seed_corpus GOLDEN_DIRECTORY CORPUS_DIRECTORY
#include <cstdio>
#include <exception>
#include <fstream>

#include "contract/golden.h"
#include "fuzz/input.h"
#include "protocol/registry.h"

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: seed_corpus GOLDEN_DIRECTORY CORPUS_DIRECTORY\n");
    return 2;
  }
  for (const weir::test::Conversation& talk : weir::test::load_golden(argv[1])) {
    weir::test::FuzzInput input;
    while (weir::protocols()[input.protocol] != talk.protocol) ++input.protocol;
    input.udp = talk.transport == weir::Transport::kUdp;
    input.chunking = 7;
    for (const auto& line : talk.lines) input.turns.push_back({line.direction, 0, line.bytes});
    std::ofstream file(std::string(argv[2]) + '/' + talk.name, std::ios::binary);
    file << input.write();
    if (!file) throw std::runtime_error("cannot write into " + std::string(argv[2]));
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "seed_corpus: %s\n", error.what());
  return 1;
}
