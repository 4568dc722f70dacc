#include "kernel/ring_buffer.h"

#include <bpf/libbpf.h>

#include <cerrno>

#include "kernel/libbpf_log.h"

namespace weir {
namespace {

int handle(void* context, void* data, std::size_t size) {
  (*static_cast<RingBuffer::Event*>(context))(Bytes(static_cast<const std::uint8_t*>(data), size));
  return 0;
}

}  // namespace

void RingBuffer::Free::operator()(ring_buffer* ring) const { ring_buffer__free(ring); }

Result<RingBuffer> RingBuffer::open(int map_fd, Event event) {
  const LibbpfLog log;
  RingBuffer reader;
  reader.event_ = std::make_unique<Event>(std::move(event));
  reader.ring_.reset(ring_buffer__new(map_fd, &handle, reader.event_.get(), nullptr));
  if (!reader.ring_) return system_failure("map a ring buffer");
  return reader;
}

int RingBuffer::fd() const { return ring_buffer__epoll_fd(ring_.get()); }

std::uint64_t RingBuffer::consume() {
  const int count = ring_buffer__consume(ring_.get());
  return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

}  // namespace weir
