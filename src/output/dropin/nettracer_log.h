// NettracerLog: NetTracer's log: to a file that rotates (10 MB, and three older ones), and in log
// mode as lines of standard output. For one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "output/record_queue.h"

namespace spdlog::sinks {
class sink;
}

namespace weir {

enum class NettracerLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarning, kError };

// "2026-11-22 03:04:05.678 [4711] info [nettracer] MESSAGE", in local time, without a line end;
// `colored`: the level as terminals take it.
void append_nettracer_log_line(std::string& out, Nanos time, int thread, NettracerLevel level,
                               bool colored, std::string_view message);

class NettracerLog {
 public:
  // `lines` null: nothing goes to standard output, and what is warned of to stderr. It outlives the
  // log. What is less than `least` goes nowhere.
  NettracerLog(NettracerLevel least, RecordQueue::Lines* lines, bool colored);
  ~NettracerLog();

  // DIRECTORY/oneagent_nettracer_PID.log.
  Result<> open_file(const std::string& directory);
  bool has_file() const { return file_ != nullptr; }
  bool shows(NettracerLevel level) const { return level >= least_; }
  void say(NettracerLevel level, std::string_view message) {
    say(level, message, wall_clock_now());
  }
  // Of what happened at `time`.
  void say(NettracerLevel level, std::string_view message, Nanos time);
  // Into the file; lines to standard output are the caller's to flush.
  void flush();

 private:
  void give_up(const char* reason);

  NettracerLevel least_;
  RecordQueue::Lines* lines_;
  bool colored_;
  std::unique_ptr<spdlog::sinks::sink> file_;
};

}  // namespace weir
