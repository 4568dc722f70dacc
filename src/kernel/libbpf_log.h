// LibbpfLog: while it lives, what libbpf would print to stderr is kept for the text of an Error.
// One at a time on a thread; what other threads make libbpf say meanwhile is dropped.
#pragma once

#include <string>

namespace weir {

class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The first warning, on one line; empty when there was none.
  const std::string& first_warning() const { return first_warning_; }

 private:
  std::string first_warning_;
};

}  // namespace weir
