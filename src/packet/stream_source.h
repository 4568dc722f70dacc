// StreamSource: whatever can only be read once and in order (pipe, standard input), and everything
// that is gzip-compressed. One buffer, reused.
#pragma once

#include <zlib.h>

#include <vector>

#include "base/fd.h"
#include "packet/byte_source.h"

namespace weir {

class StreamSource final : public ByteSource {
 public:
  static Result<std::unique_ptr<ByteSource>> open(Fd fd, int stop_fd);
  ~StreamSource() override;

 private:
  StreamSource(Fd fd, int stop_fd);
  Bytes refill(std::size_t count) noexcept override;
  std::size_t available() const { return static_cast<std::size_t>(limit_ - cursor_); }
  bool begin_gzip();
  // Appends to the buffer; false at the end of the input or after an error.
  bool fill() noexcept;
  bool inflate_more() noexcept;
  // What read() returned, waiting for it; 0 at the end, when told to stop, and after an error.
  std::size_t read_some(std::uint8_t* into, std::size_t room) noexcept;
  void fail(const char* context, int code = 0) noexcept;

  Fd fd_;
  int stop_fd_;
  std::vector<std::uint8_t> buffer_;
  std::size_t end_ = 0;  // of the bytes in buffer_
  bool gzip_ = false;
  bool ended_ = false;  // nothing more will come
  bool between_members_ = false;
  std::vector<std::uint8_t> compressed_;
  z_stream zlib_{};
};

}  // namespace weir
