// RingBuffer: the reader's side of a BPF ring buffer map. For one thread, whose event loop waits
// for fd() or, where the program wakes nobody, looks when it is due: the wake-up is what an event
// costs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"

struct ring_buffer;

namespace weir {

class RingBuffer {
 public:
  // Called for each event, in the order of their reservation; the bytes are valid during the call.
  using Event = std::function<void(Bytes)>;

  // The map must outlive the reader.
  static Result<RingBuffer> open(int map_fd, Event event);

  int fd() const;
  // Every event that is there; does not wait. Their number.
  std::uint64_t consume();

 private:
  struct Free {
    void operator()(ring_buffer* ring) const;
  };

  RingBuffer() = default;

  std::unique_ptr<Event> event_;
  std::unique_ptr<ring_buffer, Free> ring_;
};

}  // namespace weir
