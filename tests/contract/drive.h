// Drive: feeds one decoder as the requests lens does, holds it to the laws of its contract and
// keeps what it emits. Unit tests, the contract suite and the fuzz target share it.
//
// What it does for a decoder, and the frame must do likewise:
// - bytes that were not consumed are held and offered again, with what follows them;
// - skipped bytes never reach the decoder; a loss inside a skip is no gap;
// - a loss elsewhere: held bytes are dropped and count as lost; gap(), then resync() until it keeps
//   some bytes, then decode();
// - after kInvalid: one byte is discarded, then resync() until it keeps some, then decode();
// - when one direction moved on, the bytes held in the other are offered again (an answer may
// decide
//   what they are).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/decoder.h"

namespace weir::test {

// A copy of a Message that outlives the call, merged with its MessageEnd.
struct OwnedMessage {
  const Vocabulary* vocabulary = nullptr;
  MessageKind kind = MessageKind::kRequest;
  Direction direction = Direction::kToServer;
  std::uint64_t stream_id = 0, stream_mask = 0;
  std::uint64_t begin = 0, end = 0;  // end stays kOpenEnd where no MessageEnd came
  std::optional<std::uint64_t> size_bytes;
  Status status = Status::kOk;
  Quality quality = Quality::kComplete;
  std::vector<std::pair<std::string, std::string>> fields;  // name and value, numbers as decimal

  bool operator==(const OwnedMessage&) const = default;

  // The first value of a field; empty where it is absent (has() tells the difference).
  std::string field(std::string_view name) const {
    for (const auto& [key, value] : fields) {
      if (key == name) return value;
    }
    return {};
  }
  bool has(std::string_view name) const {
    return std::any_of(fields.begin(), fields.end(), [&](auto& f) { return f.first == name; });
  }
  std::string text() const;  // one line, for comparisons and failures
};

// How large the next piece of a feed is, given what is left of it.
using Chunking = std::function<std::size_t(std::size_t left)>;
inline Chunking whole() {
  return [](std::size_t left) { return left; };
}
inline Chunking one_byte() {
  return [](std::size_t) { return std::size_t{1}; };
}
inline Chunking random_chunks(unsigned seed, std::size_t most = 17) {
  return [generator = std::minstd_rand(seed), most](std::size_t left) mutable {
    return std::min<std::size_t>(left, 1 + generator() % most);
  };
}

class Drive : private MessageSink {
 public:
  // More than this held undecided breaks the law of bounded heads.
  static constexpr std::size_t kMaxHeld = 512 * 1024;

  explicit Drive(const Protocol& protocol, Transport transport = Transport::kTcp,
                 const Limits& limits = {}, Chunking chunking = whole())
      : transport_(transport),
        decoder_(protocol.make(limits, transport)),
        chunking_(std::move(chunking)) {}

  // These bytes come next in this direction (UDP: one datagram, never cut).
  void feed(Direction direction, std::string_view bytes);
  void client(std::string_view bytes) { feed(Direction::kToServer, bytes); }
  void server(std::string_view bytes) { feed(Direction::kToClient, bytes); }
  // So many bytes were never seen.
  void lose(Direction direction, std::uint64_t length);
  // The connection is joined in its middle: the next bytes go to resync() first.
  void join(Direction direction) { side(direction).resync = true; }
  void close(Direction direction, Close how = Close::kFin);
  void close_both(Close how = Close::kFin) {
    close(Direction::kToServer, how);
    close(Direction::kToClient, how);
  }

  // In order of emission.
  const std::vector<OwnedMessage>& messages() const { return messages_; }
  // Those whose end has been told are no longer kept.
  void forget_messages();
  // Those of one direction in order of emission, as text.
  std::string dump(Direction direction) const;
  std::string dump() const { return dump(Direction::kToServer) + dump(Direction::kToClient); }
  // Broken laws; empty as it should be.
  const std::vector<std::string>& violations() const { return violations_; }

  // Where this direction left the protocol; absent where it did not.
  std::optional<std::uint64_t> switched_at(Direction d) const { return side(d).switched; }
  bool opaque() const { return opaque_; }
  std::size_t invalid_count() const { return invalid_count_; }
  std::size_t held_bytes(Direction d) const { return side(d).held.size(); }
  // Bytes that the decoder gave up by skip or never needed to see.
  std::uint64_t skipped_bytes() const { return skipped_bytes_; }

 private:
  struct Side {
    std::string held;          // given to the decoder and not consumed
    std::uint64_t offset = 0;  // of held's first byte
    std::uint64_t skip = 0;    // still to come and not needed
    std::uint64_t last_begin = 0;
    std::vector<std::size_t> open;  // messages whose end is to come
    bool resync = false, closed = false;
    bool waits = true;  // what is held was offered, and nothing has moved since
    std::optional<std::uint64_t> switched;
  };

  Side& side(Direction d) { return sides_[static_cast<std::size_t>(d)]; }
  const Side& side(Direction d) const { return sides_[static_cast<std::size_t>(d)]; }
  bool done(Direction d) const { return opaque_ || side(d).switched || side(d).closed; }
  void violate(std::string what) {
    if (violations_.size() < 8) violations_.push_back(std::move(what));
  }
  void datagram(Direction direction, std::string_view bytes);
  void push(Direction direction, std::string_view piece);
  bool turn(Direction direction, bool& moved);
  bool resynchronise(Direction direction);
  bool decode_once(Direction direction, bool& moved);
  void advance(Direction direction, std::size_t consumed, std::uint64_t skip);
  bool pass_over(Direction direction, std::uint64_t& length);

  void on(const Message& message) noexcept override;
  void end(Direction direction, std::uint64_t stream_id, const MessageEnd& end) noexcept override;
  static void copy_fields(std::span<const FieldValue> from, OwnedMessage& to);

  Transport transport_;
  std::unique_ptr<Decoder> decoder_;
  Chunking chunking_;
  std::array<Side, 2> sides_;
  std::vector<OwnedMessage> messages_;
  std::vector<std::string> violations_;
  bool opaque_ = false;
  std::size_t invalid_count_ = 0;
  std::uint64_t skipped_bytes_ = 0;
};

}  // namespace weir::test
