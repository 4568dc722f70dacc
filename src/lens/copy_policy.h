// CopyPolicy: what the kernel need not copy of one TCP connection. It knows from the decoder what
// is passed over (a body's rest), guesses from what has been that packets' tails are not needed,
// and lets opaque connections go. Only made use of where there are CopyVerdicts.
#pragma once

#include "packet/copy_verdicts.h"
#include "record/flow_key.h"

namespace weir {

class CopyPolicy {
 public:
  // A shorter rest is not worth telling: it is over before the kernel hears of it.
  static constexpr std::uint64_t kWorthBytes = 64 << 10;
  // The guess: bodies of 100 KiB are over before anyone can ask for a skip, so when kStreak packets
  // in a row, longer than kLongBytes each, were not needed beyond their first kLimitBytes, the
  // next ones will not be either.
  static constexpr std::uint32_t kLimitBytes = 16 << 10;
  static constexpr std::uint32_t kLongBytes = 24 << 10;
  static constexpr std::uint8_t kStreak = 16;

  // What one piece of a direction's stream was.
  struct Piece {
    std::uint64_t length = 0;  // on the wire
    std::uint64_t needed = 0;  // so much from its beginning was looked at
    std::uint64_t skip = 0;    // so much after its end will not be
    std::uint32_t next_sequence = 0;
    std::uint32_t initial_sequence = 0;  // 0 = not seen
    Nanos time = 0;
  };

  void on_piece(CopyVerdicts& verdicts, const FlowKey& key, Side from, const Endpoint& server,
                const Piece& piece) noexcept {
    Way& way = ways_[index(from)];
    const bool is_long = piece.length > kLongBytes && !spared_;
    if (!is_long && !way.told && piece.skip < kWorthBytes) [[likely]] {
      return;
    }
    if (is_long) learn(verdicts, way, server, piece);
    decide(verdicts, key, from, server, piece);
  }

  // A byte that the kernel had cut off was needed.
  void on_missed(CopyVerdicts& verdicts, const Endpoint& server, Nanos now) noexcept;

  // Nothing of it is needed any more: the kernel shows its beginning and end only.
  // `initial_sequences` by Side.
  void let_go(CopyVerdicts& verdicts, const FlowKey& key,
              const std::uint32_t (&initial_sequences)[2]) noexcept;
  bool gone() const { return gone_; }

  // Before its end.
  void forget(CopyVerdicts& verdicts) noexcept;

 private:
  struct Way {
    CopyVerdicts::Name name = 0;
    CopyVerdicts::Verdict verdict;
    std::uint8_t streak = 0;
    bool told = false;
  };

  void learn(const CopyVerdicts& verdicts, Way& way, const Endpoint& server,
             const Piece& piece) noexcept;
  void decide(CopyVerdicts& verdicts, const FlowKey& key, Side from, const Endpoint& server,
              const Piece& piece) noexcept;
  static bool choose_skip(Way& way, const Piece& piece) noexcept;
  static void tell(CopyVerdicts& verdicts, const FlowKey& key, Side from, Way& way) noexcept;

  Way ways_[2];
  std::uint32_t spared_count_ = 0;  // of the verdicts, when the guess was last looked at
  bool spared_ = false;             // nothing is guessed about this connection any more
  bool gone_ = false;
};

}  // namespace weir
