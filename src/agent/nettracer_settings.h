// NettracerSettings: what the drop-in nettracersrv is asked to do. The defaults are that tool's.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "output/dropin/nettracer_log.h"

namespace weir {

struct NettracerSettings {
  // A table of what is, in the place of a log of what happens.
  bool table = false;
  // The table for programs, also where a person sits at standard input.
  bool machine = false;
  // Counts of that table since the one before, not since the connection began.
  bool incremental = false;
  // Its bytes with what the headers take.
  bool headers = false;
  bool with_loopback = false;
  // Lines of what happens, in the log.
  bool events = true;
  // Ends as soon as all is known to work.
  bool test_only = false;
  NettracerLevel level = NettracerLevel::kInfo;
  Nanos interval = 30 * kSecond;
  // Existing; empty: ./log, which is made.
  std::string log_directory;
  // Said at the start: what was accepted and has no effect.
  std::vector<std::string> notes;
};

}  // namespace weir
