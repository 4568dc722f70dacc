// Fragments: puts fragmented IP datagrams together again, IPv4 and IPv6, in bounded memory. Counts
// captured frames, so that every one of them is delivered, lost, evicted or pending.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "record/address.h"

namespace weir {

struct FragmentBounds {
  std::uint32_t datagrams = 4096;  // unfinished at a time
  std::size_t bytes = 4 << 20;     // buffered in all
  // From the first fragment, in packet time. Far less than a receiver waits: the fragments of a
  // datagram travel together, and what is given up must still meet the request it answers.
  Nanos timeout = 2 * kSecond;
};

class Fragments {
 public:
  struct Key {
    IpAddress source, destination;
    std::uint32_t interface_id = 0;  // sightings on two interfaces are two datagrams
    std::uint32_t identification = 0;
    std::uint32_t protocol = 0;  // IPv4: the protocol; IPv6: kIpv6

    static constexpr std::uint32_t kIpv6 = 256;
    bool operator==(const Key&) const = default;
    template <class H>
    friend H AbslHashValue(H h, const Key& k) {
      return H::combine(std::move(h), k.source.bytes, k.destination.bytes, k.interface_id,
                        k.identification, k.protocol);
    }
  };
  struct Piece {
    std::uint32_t offset = 0;  // in the datagram's payload
    bool last = false;
    Bytes captured;                // may be less than wire_bytes
    std::uint32_t wire_bytes = 0;  // of this fragment's payload
    std::uint8_t next_header = 0;  // counts of the piece at offset 0
    std::uint32_t frames = 1;      // captured frames that this piece stands for
  };
  struct Datagram {
    Bytes data;                    // payload, up to where it was captured without a hole
    std::uint32_t wire_bytes = 0;  // the whole payload
    std::uint8_t next_header = 0;
    std::uint32_t frames = 0;  // captured frames it was made of, the last one included
  };

  struct GivenUp {
    Key key;
    Nanos created = 0;  // time of its first fragment
    Datagram datagram;  // its beginning, as far as it is without a hole
  };

  explicit Fragments(const FragmentBounds& bounds);

  // To be called before the add() calls of each frame while active(): gives up what has timed out,
  // and ends the views handed out before.
  void begin_frame(Nanos now) noexcept;
  bool active() const { return active_; }

  // True when the piece made its datagram whole; `whole` is valid until the next begin_frame().
  // First copy wins where pieces overlap. A piece that contradicts what is known (beyond 65535
  // bytes, behind the end, not a multiple of 8) is lost, not its datagram.
  bool add(const Key& key, const Piece& piece, Nanos now, Datagram& whole) noexcept;

  // Gives up everything unfinished: the end of the input.
  void flush() noexcept;

  // Of what was given up, the datagrams whose beginning is there; valid until the next
  // begin_frame(). Those not taken by then are lost.
  bool has_given_up() const { return given_up_taken_ < given_up_.size(); }
  bool take_given_up(GivenUp& out) noexcept;
  // Frames of one that turned out to be of no use.
  void count_lost(std::uint32_t frames) { lost_ += frames; }

  std::uint64_t pending_frames() const { return pending_; }
  std::uint64_t lost_frames() const { return lost_; }        // timed out, contradictory, flushed
  std::uint64_t evicted_frames() const { return evicted_; }  // a bound was reached
  std::size_t buffered_bytes() const { return bytes_; }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  struct Range {
    std::uint32_t begin, end;
  };
  struct Slot {
    Key key;
    Nanos created = 0;
    std::uint32_t older = kNone, newer = kNone;  // by creation
    std::uint32_t frames = 0;
    std::uint32_t end = kNone;     // of the payload, once the last piece was seen
    std::uint32_t cut_at = kNone;  // first byte that was on the wire but not captured
    std::uint8_t next_header = 0;
    std::vector<Range> present;  // sorted, disjoint, never touching
    std::vector<std::uint8_t> data;
  };

  std::uint32_t slot_of(const Key& key, Nanos now);
  bool make_room(std::uint32_t index, std::uint32_t end);
  static bool fits(const Slot& slot, const Piece& piece, std::uint32_t end);
  static void insert(Slot& slot, const Piece& piece);
  std::uint32_t detach(std::uint32_t index);  // returns its frames, now nobody's
  void release(std::uint32_t index);
  void give_up(std::uint32_t index);
  void end_views();

  FragmentBounds bounds_;
  absl::flat_hash_map<Key, std::uint32_t> by_key_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint32_t oldest_ = kNone, newest_ = kNone;
  std::array<std::uint32_t, 16> finished_{};  // whole datagrams of this frame, nested ones too
  std::uint32_t finished_count_ = 0;
  std::vector<std::uint32_t> given_up_;  // with a beginning; those before taken_ were handed out
  std::size_t given_up_taken_ = 0;
  bool active_ = false;  // something is held, or was during this frame
  std::size_t bytes_ = 0;
  std::uint64_t pending_ = 0, lost_ = 0, evicted_ = 0;
};

}  // namespace weir
