// Every registered decoder against whatever can come: the input says which protocol, how its bytes
// are cut, and what is lost on the way. A broken law of the contract aborts. With
// WEIR_FUZZ_PROTOCOL=NAME in the environment it is that one, whatever the input says.
//
//   byte 0: protocol          byte 1: transport, joined in the middle, how it is closed
//   byte 2: chunking          then turns: one byte (direction, loss, length) and that many bytes
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "contract/drive.h"
#include "fuzz/input.h"
#include "protocol/registry.h"

namespace {

using weir::test::Drive;
using weir::test::FuzzInput;

void play(const FuzzInput& input, Drive& drive) {
  if (input.joined) {
    drive.join(weir::Direction::kToServer);
    drive.join(weir::Direction::kToClient);
  }
  for (const FuzzInput::Turn& turn : input.turns) {
    if (turn.lost != 0) {
      drive.lose(turn.direction, turn.lost);
    } else {
      drive.feed(turn.direction, turn.bytes);
    }
  }
  drive.close_both(input.close);
}

// Absent where the environment chooses none; a name that is not registered ends the program.
const weir::Protocol* chosen_protocol() {
  const char* name = std::getenv("WEIR_FUZZ_PROTOCOL");
  if (name == nullptr) return nullptr;
  for (const weir::Protocol* protocol : weir::protocols()) {
    if (protocol->name == name) return protocol;
  }
  std::fprintf(stderr, "WEIR_FUZZ_PROTOCOL=%s is no protocol\n", name);
  std::exit(2);
}

[[noreturn]] void fail(const char* what, const std::string& first, const std::string& second) {
  std::fprintf(stderr, "%s\n%s%s", what, first.c_str(), second.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const weir::Protocol* const chosen = chosen_protocol();
  const FuzzInput input = FuzzInput::read(weir::Bytes(data, size));
  const weir::Protocol& protocol =
      chosen != nullptr ? *chosen : *weir::protocols()[input.protocol % weir::protocols().size()];
  const bool udp = input.udp ? protocol.transports.udp : !protocol.transports.tcp;
  const auto transport = udp ? weir::Transport::kUdp : weir::Transport::kTcp;
  const weir::Limits limits{.head_bytes = 4096, .raw_queries = input.joined};

  for (const FuzzInput::Turn& turn : input.turns) {
    for (std::size_t part : {turn.bytes.size(), turn.bytes.size() / 2}) {
      protocol.match(weir::as_bytes(turn.bytes.substr(0, part)), turn.direction, transport);
    }
  }
  Drive drive(protocol, transport, limits, weir::test::random_chunks(input.chunking, 64));
  play(input, drive);
  if (!drive.violations().empty())
    fail("broken law:", drive.violations().front() + "\n", drive.dump());

  Drive reference(protocol, transport, limits);
  play(input, reference);
  if (!reference.violations().empty())
    fail("broken law:", reference.violations().front() + "\n", reference.dump());
  // Where nothing was refused or lost, the cuts must not show.
  const bool lossless = !input.joined && !input.loses();
  if (lossless && drive.invalid_count() == 0 && reference.invalid_count() == 0 &&
      drive.dump() != reference.dump()) {
    fail("the cuts show:", drive.dump(), "against\n" + reference.dump());
  }
  return 0;
}
