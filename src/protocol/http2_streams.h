// Http2Streams: the open streams of a connection, bounded, by their id and by how long nothing has
// been heard of them.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/decoder.h"
#include "protocol/grpc_messages.h"

namespace weir {

struct Http2Stream {
  // The message in one direction.
  struct Way {
    bool open = false;     // begun, its end to come
    bool damaged = false;  // bytes were missing since: its size is not known
    std::uint64_t data = 0;
    std::uint64_t wire = 0;
    GrpcMessages messages;
  };

  std::uint32_t id = 0;
  std::uint32_t message_id = 0;  // what its messages are called; 0 of the upgraded one
  bool grpc = false;
  bool pushed = false;
  bool answered = false;    // a final head came
  int status = 0;           // of a pushed one
  std::uint64_t heard = 0;  // at which count of streams a frame of it came last
  Way ways[2];              // by Direction

  Way& way(Direction d) { return ways[static_cast<std::size_t>(d)]; }

  std::uint16_t newer = 0, older = 0;  // Http2Streams' own
};

class Http2Streams {
 public:
  static constexpr std::size_t kMost = 4096;

  // Null where it is not known. Pointers are valid until open() or remove().
  Http2Stream* find(std::uint32_t id);
  std::size_t count() const { return count_; }
  bool full() const { return count_ == kMost; }
  // Not while full(), nor of an id that is known.
  Http2Stream& open(std::uint32_t id);
  void remove(Http2Stream& stream);
  // A frame of it came.
  void hear(Http2Stream& stream);
  // Of which nothing was heard for longest. Null where there is none.
  Http2Stream* oldest() { return oldest_ == kNone ? nullptr : &streams_[oldest_]; }
  // How many were ever opened.
  std::uint64_t opened() const { return opened_; }

  template <class Visit>
  void each(Visit visit) {  // from the oldest; may remove the one it is given, and no other
    for (std::uint16_t at = oldest_, next = kNone; at != kNone; at = next) {
      next = streams_[at].newer;
      visit(streams_[at]);
    }
  }

 private:
  static constexpr std::uint16_t kNone = 0xffff;

  std::size_t slot_of(std::uint32_t id) const {
    return (id * std::uint64_t{0x9e3779b97f4a7c15}) >> 40 & (slots_.size() - 1);
  }
  void link(std::uint16_t at);
  void unlink(std::uint16_t at);
  void place(std::uint16_t at);
  void grow();

  std::vector<Http2Stream> streams_;
  std::vector<std::uint16_t> slots_;  // twice as many, a power of two: open addressing
  std::uint16_t free_ = kNone, oldest_ = kNone, newest_ = kNone;
  std::size_t count_ = 0;
  std::uint64_t opened_ = 0;
};

}  // namespace weir
