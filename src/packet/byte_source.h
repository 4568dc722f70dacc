// ByteSource: the bytes of a capture file in order, from a mapped file, a pipe or a gzip stream.
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace weir {

class ByteSource {
 public:
  // `path` "-" is standard input. Gzip is recognised by its first bytes. A read that waits (pipe,
  // terminal) ends the input when `stop_fd` becomes readable; -1 = waits for good.
  static Result<std::unique_ptr<ByteSource>> open(const std::string& path, int stop_fd);

  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // The next `count` bytes, fewer only where the input ends or fails. The view is valid until the
  // next call of peek() or skip().
  Bytes peek(std::size_t count) noexcept {
    if (static_cast<std::size_t>(limit_ - cursor_) >= count) [[likely]] {
      return {cursor_, count};
    }
    return refill(count);
  }
  // Steps over bytes that the last peek() returned; its view stays valid.
  void consume(std::size_t count) noexcept {
    cursor_ += count;
    offset_ += count;
  }
  // Steps over any number of bytes without keeping them; false when the input ends before.
  bool skip(std::uint64_t count) noexcept;

  // Of the next byte, in the uncompressed data.
  std::uint64_t offset() const { return offset_; }
  // Why the input ended where it did not end by itself; code and context empty otherwise.
  const Error& error() const { return error_; }
  bool failed() const { return !error_.context.empty(); }
  // The input ended because `stop_fd` said so.
  bool stopped() const { return stopped_; }
  // Bytes of the file that are mapped into memory, resident or not.
  virtual std::uint64_t mapped_bytes() const { return 0; }

 protected:
  ByteSource() = default;
  virtual Bytes refill(std::size_t count) noexcept = 0;

  const std::uint8_t* cursor_ = nullptr;  // next byte
  const std::uint8_t* limit_ = nullptr;   // end of what peek() may hand out without refill()
  Error error_;
  bool stopped_ = false;

 private:
  std::uint64_t offset_ = 0;
};

}  // namespace weir
