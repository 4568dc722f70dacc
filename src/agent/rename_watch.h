// RenameWatch: tells when a file is renamed to a path, as who changes a file in one step does, or
// when the directory is a volume of Kubernetes whose files are replaced.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace weir {

class RenameWatch {
 public:
  // The file's directory has to exist.
  static Result<RenameWatch> open(const std::string& path);

  // Readable when something was renamed in that directory.
  int fd() const { return fd_.get(); }
  // Whether it was to this path, or that volume, since the last call.
  bool take();

 private:
  RenameWatch(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  Fd fd_;
  std::string name_;
};

}  // namespace weir
