#include "protocol/postgresql_match.h"

#include "protocol/postgresql_frames.h"

namespace weir {
namespace {

// A frame of which only the beginning is there is not sought when it is larger.
constexpr std::uint64_t kMostSought = 16 << 20;

// What a row of frames amounts to.
struct Evidence {
  bool fits = true;
  bool sure = false;
  bool cut = false;   // the last one is not whole
  bool weak = false;  // and may hold anything
  bool huge = false;
  int frames = 0;  // whole, and such as do not hold just anything
};

Evidence look(Bytes bytes, Direction direction) {
  constexpr int kEnough = 8;
  Evidence found;
  while (!bytes.empty() && found.frames < kEnough) {
    const PostgresFit fit = check_postgres_frame(bytes, direction);
    if (fit == PostgresFit::kNo) {
      found.fits = false;
      return found;
    }
    if (fit == PostgresFit::kSure) found.sure = true;
    PostgresFrame frame;
    if (bytes.size() < kPostgresHead || !read_postgres_head(bytes, direction, frame) ||
        frame.size > bytes.size()) {
      found.cut = true;
      constexpr std::string_view kAnything = "dpFVt";
      const char type = static_cast<char>(bytes[0]);
      found.weak = kAnything.find(type) != std::string_view::npos;
      found.huge = frame.size > kMostSought;
      return found;
    }
    if (frame.type != 'd' && frame.type != 'p') ++found.frames;
    bytes = bytes.subspan(static_cast<std::size_t>(frame.size));
  }
  return found;
}

Match match_frames(Bytes head, Direction direction) {
  const Evidence found = look(head, direction);
  if (!found.fits) return Match::kNo;
  if (found.sure || found.frames >= 2) return Match::kYes;
  if (found.frames == 0 && found.cut && head.size() < Protocol::kMatchBytes) {
    return Match::kNeedMore;
  }
  return Match::kMaybe;
}

// The one byte that answers a request for encryption, and what follows it.
Match match_reply(Bytes head) {
  if (head.size() == 1) return Match::kNeedMore;
  const Bytes rest = head.subspan(1);
  if (head[0] == 'S' && rest[0] == 0x16) return Match::kMaybe;
  if (rest[0] == 'N' || rest[0] == 'S') {  // a second one, for the other kind of encryption
    if (rest.size() == 1) return Match::kNeedMore;
    return match_reply(rest);
  }
  return rest[0] == 'R' || rest[0] == 'E' ? match_frames(rest, Direction::kToClient) : Match::kNo;
}

}  // namespace

Match match_postgres(Bytes head, Direction direction) {
  if (head.empty()) return Match::kNeedMore;
  if (direction == Direction::kToServer && head[0] == 0) {
    switch (check_postgres_startup(head)) {
      case PostgresFit::kNo:
        return Match::kNo;
      case PostgresFit::kSure:
        return Match::kYes;
      default:
        return Match::kNeedMore;
    }
  }
  const Match found = match_frames(head, direction);
  const bool reply =
      direction == Direction::kToClient && (head[0] == 'N' || head[0] == 'S' || head[0] == 'G');
  return reply && found == Match::kNo ? match_reply(head) : found;
}

std::size_t find_postgres(Bytes bytes, Direction direction, bool fresh) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const Bytes rest = bytes.subspan(at);
    if (direction == Direction::kToServer && rest[0] == 0) {
      if (rest.size() >= 8 && check_postgres_startup(rest) == PostgresFit::kSure) return at;
      continue;
    }
    const Evidence found = look(rest, direction);
    if (!found.fits || (found.cut && found.frames == 0 && found.huge)) continue;
    // One frame alone is believed where a packet begins, or where it ends with the bytes. A part
    // of one is looked at again when it is whole.
    const bool first = fresh && at == 0 && rest[0] != 'p';
    if (found.sure || found.frames >= 2 || first || !found.cut) return at;
    if (found.frames == 0 && !found.weak) return at;
  }
  return bytes.size();
}

}  // namespace weir
