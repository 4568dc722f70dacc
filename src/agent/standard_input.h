// StandardInput: tells when something was typed. Its end is no event, and what cannot be waited for
// (a file, /dev/null) says nothing.
#pragma once

#include "base/fd.h"

namespace weir {

class StandardInput {
 public:
  StandardInput();

  // Readable when there is something to take; never where there is nothing to wait for.
  int fd() const { return waiting_.get(); }
  // Takes what is there; whether that was anything.
  bool take();

 private:
  Fd waiting_;  // is told of no end that has been seen
};

}  // namespace weir
