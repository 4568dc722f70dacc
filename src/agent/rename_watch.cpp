#include "agent/rename_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string_view>

namespace weir {
namespace {

// Of a ConfigMap's or a Secret's volume: the link that all its files are behind.
constexpr std::string_view kVolumeLink = "..data";

}  // namespace

Result<RenameWatch> RenameWatch::open(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string directory = file.has_parent_path() ? file.parent_path().string() : ".";
  Fd fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd.valid() || inotify_add_watch(fd.get(), directory.c_str(), IN_MOVED_TO) < 0) {
    return system_failure("watch " + directory);
  }
  return RenameWatch(std::move(fd), file.filename().string());
}

bool RenameWatch::take() {
  bool found = false;
  alignas(inotify_event) char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(fd_.get(), buffer, sizeof buffer);
    if (got <= 0) return found;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      const std::string_view name = event.len > 0 ? buffer + at + sizeof event : "";
      if (name == name_ || name == kVolumeLink) found = true;
      at += sizeof event + event.len;
    }
  }
}

}  // namespace weir
