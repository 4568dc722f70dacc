// GrpcMessages: counts the messages in one direction of a gRPC call. Each is preceded by a flag and
// four bytes of length, wherever DATA frames cut it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"

namespace weir {

class GrpcMessages {
 public:
  // Bytes of the message now passing, which need not be seen.
  std::uint32_t rest() const { return rest_; }
  void pass(std::uint32_t bytes) { rest_ -= bytes; }

  // Where rest() is 0: takes what it needs of `bytes`, and returns how many.
  std::size_t take(Bytes bytes) {
    const std::size_t count = std::min<std::size_t>(kPrefix - have_, bytes.size());
    for (std::size_t i = 0; i < count; ++i) {
      if (have_++ > 0) length_ = length_ << 8 | bytes[i];
    }
    if (have_ == kPrefix) {
      ++count_;
      bytes_ += length_;
      rest_ = length_;
      have_ = 0;
      length_ = 0;
    }
    return count;
  }

  void lose() { known_ = false; }
  bool known() const { return known_; }
  std::uint64_t count() const { return count_; }
  std::uint64_t bytes() const { return bytes_; }  // of the messages, as announced

 private:
  static constexpr std::uint8_t kPrefix = 5;

  std::uint64_t count_ = 0, bytes_ = 0;
  std::uint32_t rest_ = 0, length_ = 0;
  std::uint8_t have_ = 0;
  bool known_ = true;
};

}  // namespace weir
