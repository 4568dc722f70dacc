#include "packet/stream_source.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace weir {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::size_t kCompressedBytes = 64 * 1024;
constexpr int kGzipWindow = 15 + 16;  // zlib: largest window, gzip wrapping

}  // namespace

StreamSource::StreamSource(Fd fd, int stop_fd)
    : fd_(std::move(fd)), stop_fd_(stop_fd), buffer_(kBufferBytes) {
  cursor_ = limit_ = buffer_.data();
}

StreamSource::~StreamSource() {
  if (gzip_) ::inflateEnd(&zlib_);
}

Result<std::unique_ptr<ByteSource>> StreamSource::open(Fd fd, int stop_fd) {
  std::unique_ptr<StreamSource> source(new StreamSource(std::move(fd), stop_fd));
  const Bytes head = source->refill(2);
  if (source->failed()) return tl::unexpected<Error>(source->error_);
  if (head.size() == 2 && head[0] == 0x1f && head[1] == 0x8b && !source->begin_gzip()) {
    return failure("gzip: cannot start to decompress");
  }
  return source;
}

// What was read so far becomes compressed input.
bool StreamSource::begin_gzip() {
  if (::inflateInit2(&zlib_, kGzipWindow) != Z_OK) return false;
  gzip_ = true;
  compressed_.assign(cursor_, limit_);
  zlib_.avail_in = static_cast<uInt>(compressed_.size());
  compressed_.resize(std::max(compressed_.size(), kCompressedBytes));
  zlib_.next_in = compressed_.data();
  cursor_ = limit_ = buffer_.data();
  return true;
}

Bytes StreamSource::refill(std::size_t count) noexcept {
  const std::size_t kept = available();
  std::memmove(buffer_.data(), cursor_, kept);
  if (count > buffer_.size()) buffer_.resize(count);
  end_ = kept;
  cursor_ = buffer_.data();
  while (end_ < count && fill()) {
  }
  limit_ = buffer_.data() + end_;
  return {cursor_, std::min(count, end_)};
}

bool StreamSource::fill() noexcept {
  if (ended_) return false;
  if (gzip_) return inflate_more();
  const std::size_t got = read_some(buffer_.data() + end_, buffer_.size() - end_);
  end_ += got;
  return got > 0;
}

bool StreamSource::inflate_more() noexcept {
  if (zlib_.avail_in == 0) {
    const std::size_t got = read_some(compressed_.data(), compressed_.size());
    if (got == 0) {
      if (!stopped_ && !between_members_) fail("gzip: the compressed data is cut off");
      return false;
    }
    zlib_.next_in = compressed_.data();
    zlib_.avail_in = static_cast<uInt>(got);
  }
  if (between_members_) {
    // Members may follow one another; padding after the last one is not data.
    if (*zlib_.next_in != 0x1f) {
      ended_ = true;
      return false;
    }
    ::inflateReset(&zlib_);
    between_members_ = false;
  }
  zlib_.next_out = buffer_.data() + end_;
  zlib_.avail_out = static_cast<uInt>(buffer_.size() - end_);
  const int status = ::inflate(&zlib_, Z_NO_FLUSH);
  end_ = static_cast<std::size_t>(zlib_.next_out - buffer_.data());
  if (status == Z_STREAM_END) {
    between_members_ = true;
  } else if (status != Z_OK && status != Z_BUF_ERROR) {
    fail("gzip: the compressed data is damaged");
    return false;
  }
  return true;
}

std::size_t StreamSource::read_some(std::uint8_t* into, std::size_t room) noexcept {
  for (;;) {
    pollfd fds[2] = {{fd_.get(), POLLIN, 0}, {stop_fd_, POLLIN, 0}};  // a negative one is ignored
    if (stop_fd_ >= 0 && ::poll(fds, 2, -1) > 0 && fds[1].revents != 0) {
      stopped_ = true;
      break;
    }
    const ssize_t got = ::read(fd_.get(), into, room);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) break;
    if (errno == EAGAIN) {
      ::poll(fds, 2, -1);
    } else if (errno != EINTR) {
      fail("read", errno);
      break;
    }
  }
  ended_ = true;
  return 0;
}

void StreamSource::fail(const char* context, int code) noexcept {
  ended_ = true;
  if (!failed()) error_ = Error{context, {code, std::generic_category()}};
}

}  // namespace weir
