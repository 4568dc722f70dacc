#include "packet/mapped_source.h"

#include <sys/mman.h>

#include <algorithm>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace weir {
namespace {

// Large enough that the system calls vanish beside the packets, small enough to stay in the cache
// of a modest machine while it is walked.
constexpr std::uint64_t kWindow = std::uint64_t{2} << 20;

}  // namespace

std::unique_ptr<ByteSource> MappedSource::map(const Fd& fd, std::uint64_t size) {
  void* base = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (base == MAP_FAILED) return nullptr;
  ::madvise(base, size, MADV_SEQUENTIAL);
  return std::unique_ptr<ByteSource>(new MappedSource(static_cast<std::uint8_t*>(base), size));
}

MappedSource::MappedSource(std::uint8_t* base, std::uint64_t size) : base_(base), size_(size) {
  cursor_ = limit_ = base;
}

MappedSource::~MappedSource() { ::munmap(base_, size_); }

// Moves the limit one window further: everything before the cursor's window is given back (views
// handed out by earlier calls have ended), the next one is faulted in with one system call.
Bytes MappedSource::refill(std::size_t count) noexcept {
  const auto position = static_cast<std::uint64_t>(cursor_ - base_);
  const auto done = position / kWindow * kWindow;
  if (done > released_) {
    ::madvise(base_ + released_, done - released_, MADV_DONTNEED);
    released_ = done;
  }
  const auto known = static_cast<std::uint64_t>(limit_ - base_) / kWindow * kWindow;
  const auto wanted = position + std::min<std::uint64_t>(count, size_ - position);
  const auto end = std::min(size_, (wanted + kWindow) / kWindow * kWindow);
  // Only a hint: where the kernel does not know it, pages come in one fault at a time.
  if (end > known) ::madvise(base_ + known, end - known, MADV_POPULATE_READ);
  limit_ = base_ + end;
  return {cursor_, static_cast<std::size_t>(wanted - position)};
}

}  // namespace weir
