// MappedArray<T>: the elements of a BPF_F_MMAPABLE array map, in this process's memory: read and
// written without a system call, by plain accesses, while kernel programs do the same.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace weir {

template <class T>
class MappedArray {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0, "as the kernel lays it out");

 public:
  MappedArray() = default;
  // The map's value size must be sizeof(T); it has `count` elements or more.
  static Result<MappedArray> map(int map_fd, std::size_t count, const char* what) {
    void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (memory == MAP_FAILED) return system_failure(what);
    return MappedArray(std::span(static_cast<T*>(memory), count));
  }
  MappedArray(MappedArray&& other) noexcept : elements_(std::exchange(other.elements_, {})) {}
  MappedArray& operator=(MappedArray&& other) noexcept {
    std::swap(elements_, other.elements_);
    return *this;
  }
  ~MappedArray() {
    if (!elements_.empty()) munmap(elements_.data(), elements_.size_bytes());
  }

  std::span<T> elements() const { return elements_; }

 private:
  explicit MappedArray(std::span<T> elements) : elements_(elements) {}

  std::span<T> elements_;
};

}  // namespace weir
