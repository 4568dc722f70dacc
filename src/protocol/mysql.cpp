// MySQL and MariaDB, protocol version 10:
// https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html
// https://mariadb.com/kb/en/clientserver-protocol/
//
//   packet:     length (3, little-endian) | number (1) | payload; one of 0xffffff bytes goes on in
//   the next command:    number 0: code | arguments answer:     OK 0x00 ... | ERR 0xff ... |
//   columns N, N definitions, rows, EOF or OK 0xfe compressed: length (3) | number (1) | unpacked
//   length (3) | zlib or zstd of the bytes above

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/decoder.h"
#include "protocol/mysql_compression.h"
#include "protocol/mysql_fields.h"
#include "protocol/mysql_match.h"
#include "protocol/mysql_session.h"
#include "protocol/registry.h"

namespace weir {
namespace {

// A packet of the compressed protocol is looked into when it is there as a whole, up to this size.
constexpr std::uint32_t kWholePacked = 65536;
// So many bytes may wait for the message they belong to be shown; then its time is less exact.
constexpr std::uint64_t kMaxHeld = 98304;
constexpr std::size_t kPiece = 16384;

// Bytes of one direction's packets, and where in the stream they are.
struct Window {
  Bytes bytes;
  std::uint64_t base = 0;  // offset of the first
  // Packed: the first `old` bytes came in packets from `old_begin` on, the others in this one.
  bool packed = false, whole = false;
  std::size_t old = 0;
  std::uint64_t old_begin = 0, begin = 0, end = 0;

  std::uint64_t begin_of(std::size_t at) const {
    return !packed ? base + at : at < old ? old_begin : begin;
  }
  std::uint64_t end_of(std::size_t at, std::uint64_t length) const {
    if (!packed) return base + at + length;
    return whole && length <= bytes.size() - at ? end : MysqlSession::kLater;
  }
  std::uint64_t earliest() const { return packed ? begin + kMysqlCompressedHeader : base; }
};

class MysqlDecoder : public Decoder {
 public:
  explicit MysqlDecoder(const Limits& limits) : session_(limits) {}

  Step decode(Direction direction, Bytes bytes, std::uint64_t offset,
              MessageSink& sink) noexcept override;
  void gap(Direction direction, std::uint64_t length, MessageSink& sink) noexcept override;
  std::size_t resync(Direction direction, Bytes bytes) noexcept override;
  void close(Direction direction, Close, std::uint64_t offset,
             MessageSink& sink) noexcept override {
    session_.close(direction, offset, sink);
  }

 private:
  struct Side {
    std::uint64_t position = 0;  // up to here the stream was read or passed over
    bool continues = false;      // the packet before was a full one
    bool unsure = false;         // a packet has to be found first
  };
  // One direction of the compressed protocol.
  struct Packed {
    std::uint64_t resume = 0;                   // up to here what is held has been read
    std::uint64_t begin = 0, end = 0;           // of the packet that is being read
    std::uint32_t left = 0, unpacked_left = 0;  // of it
    bool inside = false, plain = false;
    std::uint64_t skip = 0;          // unpacked bytes that are not needed
    std::vector<std::uint8_t> rest;  // unpacked and not yet read
    std::uint64_t rest_begin = 0;    // where in the stream the packet began that rest began in
    MysqlInflater inflater;
  };
  struct Walk {
    Verdict verdict = Verdict::kNeedMore;
    std::size_t at = 0;
    std::uint64_t skip = 0;
    std::size_t passed = 0;
  };

  Side& side(Direction d) { return sides_[static_cast<std::size_t>(d)]; }
  Packed& packed(Direction d);
  bool compressed() const { return session_.compressed(); }
  Match match_now(Bytes bytes, Direction direction) const {
    if (!framed_) return match_mysql(bytes, direction);
    return compressed() ? match_mysql_compressed(bytes, direction)
                        : match_mysql_plain(bytes, direction);
  }
  // Whether the answer to the last command begins here, whatever it is.
  Match continues_here(Direction direction, Bytes bytes) const {
    if (direction == Direction::kToServer || !framed_ || compressed()) return Match::kNo;
    return match_mysql_chain(bytes, session_.next_sequence());
  }
  std::optional<Verdict> find_framing(Direction direction, Bytes bytes);
  Walk walk(Direction direction, const Window& window, MessageSink& sink);
  std::optional<Verdict> look(Direction direction, const Window& window, std::size_t at,
                              MessageSink& sink);
  Step decode_packed(Direction direction, Bytes bytes, std::uint64_t offset, MessageSink& sink);
  std::optional<Verdict> begin_packed(Packed& p, Bytes bytes, std::size_t& at,
                                      std::uint64_t offset);
  Verdict read_packed(Direction direction, Packed& p, Bytes input, MessageSink& sink);
  Verdict read_piece(Direction direction, Packed& p, Bytes piece, MessageSink& sink);
  void end_packed(Direction direction, Packed& p, MessageSink& sink);
  void forget(Direction direction, MessageSink& sink);

  MysqlSession session_;
  std::array<Side, 2> sides_;
  std::array<std::unique_ptr<Packed>, 2> packed_;
  bool framed_ = false;  // whether packets are packed was looked at
};

MysqlDecoder::Packed& MysqlDecoder::packed(Direction d) {
  std::unique_ptr<Packed>& slot = packed_[static_cast<std::size_t>(d)];
  if (!slot) slot = std::make_unique<Packed>();
  return *slot;
}

Step MysqlDecoder::decode(Direction direction, Bytes bytes, std::uint64_t offset,
                          MessageSink& sink) noexcept {
  if (session_.to_tls()) return {Verdict::kSwitch};
  Side& s = side(direction);
  Step step;
  std::optional<Verdict> verdict = find_framing(direction, bytes);
  if (verdict) {
    step.verdict = *verdict;
  } else if (compressed()) {
    step = decode_packed(direction, bytes, offset, sink);
  } else {
    const Walk done = walk(direction, {.bytes = bytes, .base = offset}, sink);
    step = {done.verdict, done.at, done.skip, nullptr, done.passed};
    if (direction == Direction::kToClient && done.verdict != Verdict::kInvalid) {
      session_.pause(sink);
    }
  }
  s.position = offset + step.consumed + step.skip;
  if (step.verdict == Verdict::kInvalid) forget(direction, sink);
  return step;
}

// What to return where the bytes do not tell yet, or tell that nothing begins here.
std::optional<Verdict> MysqlDecoder::find_framing(Direction direction, Bytes bytes) {
  Side& s = side(direction);
  const bool client = direction == Direction::kToServer;
  if (client && bytes.size() >= kMysqlHeader && bytes[3] == 0 && !s.continues) {
    session_.leave_login();
  }
  if (!framed_) {
    const Match plain = match_mysql_plain(bytes, direction);
    if (plain == Match::kNeedMore && bytes.size() < Protocol::kMatchBytes) {
      return Verdict::kNeedMore;
    }
    const Match packed = match_mysql_compressed(bytes, direction);
    if (plain == Match::kNo && packed == Match::kNeedMore) return Verdict::kNeedMore;
    if (plain == Match::kNo && packed == Match::kNo && s.unsure) return Verdict::kInvalid;
    // The end of a login is never packed.
    framed_ = client || plain == Match::kNo || bytes[3] <= 1;
    if (plain == Match::kNo && packed != Match::kNo) session_.set_compressed();
  }
  if (s.unsure) {
    Match found = match_now(bytes, direction);
    if (found == Match::kNo) found = continues_here(direction, bytes);
    if (found == Match::kNo) return Verdict::kInvalid;
    if (found == Match::kNeedMore && bytes.size() < Protocol::kMatchBytes) {
      return Verdict::kNeedMore;
    }
    s.unsure = false;
  }
  return std::nullopt;
}

// Reads packets up to the last that is there, or of which the rest is not needed.
MysqlDecoder::Walk MysqlDecoder::walk(Direction direction, const Window& window,
                                      MessageSink& sink) {
  const Bytes bytes = window.bytes;
  Side& s = side(direction);
  const bool was_compressed = compressed();
  Walk done;
  std::size_t at = 0;
  while (bytes.size() - at >= kMysqlHeader) {
    const std::uint32_t length = load_le24(bytes.data() + at);
    const std::size_t body = at + kMysqlHeader;
    std::size_t looked = body;
    if (s.continues) {
      if (direction == Direction::kToServer) session_.on_continued(window.bytes[at + 3]);
      if (length < kMysqlFull && session_.is_late(direction) && !window.packed) {
        session_.finish(direction, window.end_of(at, kMysqlHeader + length), sink);
      }
    } else if (length > 0 && body < bytes.size() && direction == Direction::kToClient &&
               session_.is_row(bytes[body], length)) {
      session_.on_row();
      ++looked;
    } else if (const auto verdict = look(direction, window, at, sink)) {
      done.verdict = *verdict;
      done.at = at + (done.verdict == Verdict::kSwitch ? kMysqlHeader + length : 0);
      return done;
    } else {
      looked = bytes.size();
    }
    s.continues = length == kMysqlFull;
    if (length > bytes.size() - body) {
      done.skip = length - (bytes.size() - body);
      done.passed = bytes.size() - std::min(looked, bytes.size());
      done.verdict = Verdict::kProgress;
      done.at = bytes.size();
      return done;
    }
    at = body + length;
    if (compressed() != was_compressed) {
      done.verdict = Verdict::kProgress;
      break;
    }
  }
  done.at = at;
  return done;
}

// Shows the packet at `at` to the session; a verdict when nothing after it can be read now.
std::optional<Verdict> MysqlDecoder::look(Direction direction, const Window& window, std::size_t at,
                                          MessageSink& sink) {
  MysqlSession::Packet packet;
  packet.length = load_le24(window.bytes.data() + at);
  packet.sequence = window.bytes[at + 3];
  packet.payload = window.bytes.subspan(at + kMysqlHeader);
  packet.payload =
      packet.payload.first(std::min<std::size_t>(packet.payload.size(), packet.length));
  packet.begin = window.begin_of(at);
  packet.end = packet.length == kMysqlFull
                   ? MysqlSession::kLater
                   : window.end_of(at, kMysqlHeader + std::uint64_t{packet.length});
  packet.earliest = window.earliest();
  switch (session_.on_packet(direction, packet, sink)) {
    case MysqlSession::Take::kPassed:
      return std::nullopt;
    case MysqlSession::Take::kNeedMore:
      return Verdict::kNeedMore;
    case MysqlSession::Take::kInvalid:
      return Verdict::kInvalid;
    case MysqlSession::Take::kSwitch:
      return Verdict::kSwitch;
  }
  return Verdict::kInvalid;
}

// --- the compressed protocol ---------------------------------------------------------------------

Step MysqlDecoder::decode_packed(Direction direction, Bytes bytes, std::uint64_t offset,
                                 MessageSink& sink) {
  Packed& p = packed(direction);
  std::size_t at = p.resume > offset ? static_cast<std::size_t>(p.resume - offset) : 0;
  at = std::min(at, bytes.size());
  Step step;
  for (;;) {
    if (!p.inside) {
      const auto verdict = begin_packed(p, bytes, at, offset);
      if (verdict) {
        step.verdict = *verdict;
        break;
      }
      // All of it is passed over.
      const std::uint64_t unpacked = p.plain ? p.left : p.unpacked_left;
      if (p.skip >= unpacked && p.left > bytes.size() - at) {
        p.skip -= unpacked;
        step.skip = p.left - (bytes.size() - at);
        step.verdict = Verdict::kProgress;
        step.passed = bytes.size() - at;
        at = bytes.size();
        p.left = 0;
        end_packed(direction, p, sink);
        break;
      }
    }
    const Bytes input = bytes.subspan(at, std::min<std::size_t>(p.left, bytes.size() - at));
    at += input.size();
    p.left -= static_cast<std::uint32_t>(input.size());
    const Verdict read = read_packed(direction, p, input, sink);
    if (read != Verdict::kProgress) {
      step.verdict = read;
      break;
    }
    if (p.left > 0) break;
    end_packed(direction, p, sink);
  }
  if (direction == Direction::kToClient && step.verdict != Verdict::kInvalid) session_.pause(sink);
  p.resume = offset + at;
  step.consumed = at;
  // What is not shown yet is kept: it carries the time of its beginning.
  if (step.verdict == Verdict::kNeedMore && !p.rest.empty() && p.rest_begin >= offset &&
      p.resume - p.rest_begin < kMaxHeld) {
    step.consumed = static_cast<std::size_t>(p.rest_begin - offset);
  }
  return step;
}

// Reads a header, and waits for what a small packet holds. A verdict when it cannot be read now.
std::optional<Verdict> MysqlDecoder::begin_packed(Packed& p, Bytes bytes, std::size_t& at,
                                                  std::uint64_t offset) {
  const Bytes here = bytes.subspan(at);
  if (here.size() < kMysqlCompressedHeader) return Verdict::kNeedMore;
  const std::uint32_t length = load_le24(here.data());
  const Bytes payload = here.subspan(kMysqlCompressedHeader);
  if (length <= kWholePacked && payload.size() < length) return Verdict::kNeedMore;
  if (payload.empty() && length > 0) return Verdict::kNeedMore;
  p.begin = offset + at;
  p.end = p.begin + kMysqlCompressedHeader + length;
  p.left = length;
  p.unpacked_left = load_le24(here.data() + 4);
  p.plain = p.unpacked_left == 0;
  if (!p.plain && (length == 0 || !p.inflater.begin(payload[0]))) return Verdict::kOpaque;
  p.inside = true;
  at += kMysqlCompressedHeader;
  return std::nullopt;
}

// Unpacks what there is of a packet; kProgress when it can go on.
Verdict MysqlDecoder::read_packed(Direction direction, Packed& p, Bytes input, MessageSink& sink) {
  if (p.plain) return read_piece(direction, p, input, sink);
  std::array<std::uint8_t, kPiece> out;
  for (;;) {
    std::size_t produced = 0;
    const auto result = p.inflater.run(input, out, produced);
    if (result == MysqlInflater::Result::kBroken || produced > p.unpacked_left) {
      return Verdict::kInvalid;
    }
    p.unpacked_left -= static_cast<std::uint32_t>(produced);
    const Verdict read = read_piece(direction, p, Bytes(out).first(produced), sink);
    if (read != Verdict::kProgress) return read;
    const bool ended = result == MysqlInflater::Result::kEnd;
    if (ended && (p.left > 0 || !input.empty() || p.unpacked_left > 0)) return Verdict::kInvalid;
    if (ended || (input.empty() && produced < out.size())) break;
  }
  return p.left == 0 && p.unpacked_left > 0 ? Verdict::kInvalid : Verdict::kProgress;
}

Verdict MysqlDecoder::read_piece(Direction direction, Packed& p, Bytes piece, MessageSink& sink) {
  const std::uint64_t skipped = std::min<std::uint64_t>(p.skip, piece.size());
  p.skip -= skipped;
  piece = piece.subspan(static_cast<std::size_t>(skipped));
  if (piece.empty()) return Verdict::kProgress;
  Window window;
  window.packed = true;
  window.whole = p.end - p.begin <= kWholePacked + kMysqlCompressedHeader;
  window.begin = p.begin;
  window.end = p.end;
  window.old = p.rest.size();
  window.old_begin = p.rest_begin;
  if (!p.rest.empty()) p.rest.insert(p.rest.end(), piece.begin(), piece.end());
  window.bytes = p.rest.empty() ? piece : Bytes(p.rest);
  const Walk done = walk(direction, window, sink);
  if (done.verdict == Verdict::kInvalid) return Verdict::kInvalid;
  p.skip = done.skip;
  if (done.at >= window.old) p.rest_begin = p.begin;
  if (p.rest.empty()) {
    p.rest.assign(piece.begin() + static_cast<std::ptrdiff_t>(done.at), piece.end());
  } else {
    p.rest.erase(p.rest.begin(), p.rest.begin() + static_cast<std::ptrdiff_t>(done.at));
  }
  return Verdict::kProgress;
}

// A message that has ended in this packet ends with it: there is nothing finer to be told.
void MysqlDecoder::end_packed(Direction direction, Packed& p, MessageSink& sink) {
  p.inside = false;
  if (p.skip == 0 && !side(direction).continues && session_.is_late(direction)) {
    session_.finish(direction, p.end, sink);
  }
}

// --- losses --------------------------------------------------------------------------------------

void MysqlDecoder::gap(Direction direction, std::uint64_t, MessageSink& sink) noexcept {
  forget(direction, sink);
}

void MysqlDecoder::forget(Direction direction, MessageSink& sink) {
  Side& s = side(direction);
  session_.forget(direction, s.position, sink);
  if (!session_.agreed() && !compressed()) framed_ = false;  // the login may be what was lost
  s.continues = false;
  s.unsure = true;
  std::unique_ptr<Packed>& slot = packed_[static_cast<std::size_t>(direction)];
  if (!slot) return;
  slot->resume = slot->skip = 0;
  slot->inside = false;
  slot->rest.clear();
}

std::size_t MysqlDecoder::resync(Direction direction, Bytes bytes) noexcept {
  side(direction).unsure = true;
  if (direction == Direction::kToClient && session_.awaits_command()) return bytes.size();
  // What comes first, after the command, is its answer if nothing else was lost.
  if (continues_here(direction, bytes) != Match::kNo) return 0;
  std::size_t at = 0;
  while (at < bytes.size() && match_now(bytes.subspan(at), direction) == Match::kNo &&
         continues_here(direction, bytes.subspan(at)) != Match::kYes) {
    ++at;
  }
  return at;
}

Match match(Bytes head, Direction direction, Transport transport) {
  return transport == Transport::kTcp ? match_mysql(head, direction) : Match::kNo;
}

std::unique_ptr<Decoder> make(const Limits& limits, Transport) {
  return std::make_unique<MysqlDecoder>(limits);
}

constexpr std::uint16_t kPorts[] = {3306, 3307, 4000, 6033, 6446, 6447, 33306};
constexpr Nanos kTimeout = 3600 * kSecond;  // statements may take long

}  // namespace

constinit const Protocol kMysql{.name = "mysql",
                                .transports = {.tcp = true, .udp = false},
                                .ports = kPorts,
                                .never_ports = {},
                                .timeout = kTimeout,
                                .fifo = true,
                                .match = match,
                                .make = make,
                                .fields = mysql_field::kAll};

}  // namespace weir
