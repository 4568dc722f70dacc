#include "kernel/background_close.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace weir {

void close_in_background(std::vector<Fd> descriptors) {
  std::sort(descriptors.begin(), descriptors.end(),
            [](const Fd& a, const Fd& b) { return a.get() < b.get(); });
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  const Fd go(ends[0]);
  Fd held(ends[1]);
  const pid_t child = fork();
  if (child != 0) {
    if (child > 0) waitpid(child, nullptr, 0);
    descriptors.clear();  // the last to close one waits: not here
    held.reset();
    return;
  }
  // Its own child is nobody's to wait for. Only what is safe after a fork of a threaded process.
  if (fork() == 0) {
    held.reset();
    char byte;
    (void)!read(go.get(), &byte, 1);  // ends when the first process has closed its own
    unsigned begin = 0;
    for (const Fd& descriptor : descriptors) {
      const auto kept = static_cast<unsigned>(descriptor.get());
      if (kept > begin) close_range(begin, kept - 1, 0);
      begin = kept + 1;
    }
    close_range(begin, ~0U, 0);
  }
  _exit(0);
}

}  // namespace weir
