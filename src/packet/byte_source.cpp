#include "packet/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "packet/mapped_source.h"
#include "packet/stream_source.h"

namespace weir {
namespace {

bool begins_like_gzip(int fd) {
  std::uint8_t head[2];
  return ::pread(fd, head, sizeof head, 0) == 2 && head[0] == 0x1f && head[1] == 0x8b;
}

}  // namespace

bool ByteSource::skip(std::uint64_t count) noexcept {
  constexpr std::uint64_t kStep = 65536;
  while (count > 0) {
    const auto got = peek(static_cast<std::size_t>(std::min(count, kStep))).size();
    if (got == 0) return false;
    consume(got);
    count -= got;
  }
  return true;
}

Result<std::unique_ptr<ByteSource>> ByteSource::open(const std::string& path, int stop_fd) {
  if (path == "-") {
    Fd standard_input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!standard_input.valid()) return system_failure("standard input");
    return StreamSource::open(std::move(standard_input), stop_fd);
  }
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return system_failure(path);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return system_failure(path);
  if (S_ISDIR(info.st_mode)) return system_failure(path, EISDIR);
  if (S_ISREG(info.st_mode) && info.st_size > 0 && !begins_like_gzip(fd.get())) {
    auto mapped = MappedSource::map(fd, static_cast<std::uint64_t>(info.st_size));
    if (mapped) return mapped;  // a file system that cannot map can still be read
  }
  return StreamSource::open(std::move(fd), stop_fd);
}

}  // namespace weir
