// FuzzInput: what the bytes of a fuzzer's input mean, and back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/decoder.h"

namespace weir::test {

struct FuzzInput {
  struct Turn {
    Direction direction;
    std::uint64_t lost = 0;  // so many bytes are lost; else `bytes` come
    std::string bytes;
  };
  static constexpr std::size_t kMaxTurn = 63;

  std::uint8_t protocol = 0, chunking = 0;
  bool udp = false, joined = false;
  Close close = Close::kFin;
  std::vector<Turn> turns;

  bool loses() const {
    return std::any_of(turns.begin(), turns.end(), [](const Turn& t) { return t.lost != 0; });
  }

  static FuzzInput read(Bytes bytes) {
    Reader reader(bytes);
    FuzzInput input;
    input.protocol = reader.u8();
    const std::uint8_t how = reader.u8();
    input.udp = (how & 1) != 0;
    input.joined = (how & 2) != 0;
    input.close = static_cast<Close>((how >> 2) & 3);
    input.chunking = reader.u8();
    bool full = false;
    while (reader.remaining() != 0) {
      const std::uint8_t head = reader.u8();
      Turn turn{(head & 1) != 0 ? Direction::kToClient : Direction::kToServer, 0, {}};
      const std::size_t size = head >> 2;
      if ((head & 2) != 0) {
        full = false;
        turn.lost = size == kMaxTurn ? std::uint64_t{1} << 33 : size * size + 1;
      } else {
        turn.bytes = as_text(reader.take(std::min(size + 1, reader.remaining())));
        // A piece of the full size is followed by the rest of its turn: datagrams are larger.
        const bool same = full && input.turns.back().direction == turn.direction;
        full = size == kMaxTurn;
        if (same) {
          input.turns.back().bytes += turn.bytes;
          continue;
        }
      }
      input.turns.push_back(std::move(turn));
    }
    return input;
  }

  std::string write() const {
    std::string out;
    out += static_cast<char>(protocol);
    out += static_cast<char>((udp ? 1 : 0) | (joined ? 2 : 0) | (static_cast<int>(close) << 2));
    out += static_cast<char>(chunking);
    for (const Turn& turn : turns) {
      const int direction = turn.direction == Direction::kToClient ? 1 : 0;
      for (std::size_t at = 0; at < turn.bytes.size(); at += kMaxTurn + 1) {
        const std::string piece = turn.bytes.substr(at, kMaxTurn + 1);
        out += static_cast<char>(direction | static_cast<int>((piece.size() - 1) << 2));
        out += piece;
      }
    }
    return out;
  }
};

}  // namespace weir::test
