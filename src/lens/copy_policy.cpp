#include "lens/copy_policy.h"

#include <algorithm>

namespace weir {
namespace {

// Sequence numbers wrap after 4 GiB: what is told is a quarter of that at most, and told anew when
// half of it has passed.
constexpr std::uint32_t kMaxSkip = 1 << 30;

}  // namespace

void CopyPolicy::learn(const CopyVerdicts& verdicts, Way& way, const Endpoint& server,
                       const Piece& piece) noexcept {
  if (way.verdict.limit != 0) return;
  way.streak = piece.needed <= kLimitBytes ? static_cast<std::uint8_t>(way.streak + 1) : 0;
  if (way.streak < kStreak) return;
  way.streak = 0;
  spared_ = verdicts.spared(server, piece.time);
  if (spared_) return;
  way.verdict.limit = kLimitBytes;
  spared_count_ = verdicts.spared_count();
  way.told = false;
}

// Whether the skip that holds has changed.
bool CopyPolicy::choose_skip(Way& way, const Piece& piece) noexcept {
  CopyVerdicts::Verdict& verdict = way.verdict;
  if (piece.skip < kWorthBytes && verdict.skip_bytes == 0) return false;
  const std::uint32_t left = verdict.skip_end - piece.next_sequence;
  const bool holds = verdict.skip_bytes != 0 && left != 0 && left <= verdict.skip_bytes;
  if (holds && left <= piece.skip && (left == piece.skip || left > kMaxSkip / 2)) return false;
  if (piece.skip < kWorthBytes) {
    verdict.skip_bytes = verdict.skip_end = 0;
    return true;
  }
  verdict.skip_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(piece.skip, kMaxSkip));
  verdict.skip_end = piece.next_sequence + verdict.skip_bytes;
  return true;
}

void CopyPolicy::decide(CopyVerdicts& verdicts, const FlowKey& key, Side from,
                        const Endpoint& server, const Piece& piece) noexcept {
  Way& way = ways_[index(from)];
  bool changed = way.verdict.limit != 0 && !way.told;
  if (way.verdict.limit != 0 && spared_count_ != verdicts.spared_count()) {
    // Another connection found out about some server.
    spared_count_ = verdicts.spared_count();
    if (verdicts.spared(server, piece.time)) {
      spared_ = changed = true;
      way.verdict.limit = 0;
    }
  }
  if (choose_skip(way, piece)) changed = true;
  if (!changed) return;
  if (way.verdict.limit != 0 || way.verdict.skip_bytes != 0) {
    way.verdict.birth = piece.initial_sequence;
    tell(verdicts, key, from, way);
  } else if (way.told) {
    verdicts.forget(way.name);
    way.told = false;
  }
}

void CopyPolicy::on_missed(CopyVerdicts& verdicts, const Endpoint& server, Nanos now) noexcept {
  spared_ = true;
  verdicts.spare(server, now);
  forget(verdicts);
}

void CopyPolicy::let_go(CopyVerdicts& verdicts, const FlowKey& key,
                        const std::uint32_t (&initial_sequences)[2]) noexcept {
  gone_ = true;
  for (const Side side : {Side::kA, Side::kB}) {
    Way& way = ways_[index(side)];
    way.verdict = {};
    way.verdict.opaque = true;
    way.verdict.birth = initial_sequences[index(side)];
    tell(verdicts, key, side, way);
  }
}

void CopyPolicy::forget(CopyVerdicts& verdicts) noexcept {
  for (Way& way : ways_) {
    if (way.told) verdicts.forget(way.name);
    way.told = false;
    way.verdict = {};
  }
}

void CopyPolicy::tell(CopyVerdicts& verdicts, const FlowKey& key, Side from, Way& way) noexcept {
  if (way.name == 0) {
    way.name = verdicts.name(key.end(from), key.end(opposite(from)), Transport::kTcp);
  }
  verdicts.tell(way.name, way.verdict);
  way.told = true;
}

}  // namespace weir
