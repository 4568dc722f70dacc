#include "output/dropin/nettracer_log.h"

#include <fmt/format.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <unistd.h>

#include <ctime>
#include <iterator>

#include "base/log.h"

namespace weir {
namespace {

constexpr std::size_t kFileBytes = 10 * 1024 * 1024;
constexpr std::size_t kOlderFiles = 3;

struct LevelText {
  std::string_view name, color;
};

LevelText text_of(NettracerLevel level) {
  switch (level) {
    case NettracerLevel::kTrace:
      return {"trace", "\033[37m"};
    case NettracerLevel::kDebug:
      return {"debug", "\033[36m"};
    case NettracerLevel::kInfo:
      return {"info", "\033[32m"};
    case NettracerLevel::kWarning:
      return {"warning", "\033[33m\033[1m"};
    case NettracerLevel::kError:
      break;
  }
  return {"error", "\033[31m\033[1m"};
}

}  // namespace

void append_nettracer_log_line(std::string& out, Nanos time, int thread, NettracerLevel level,
                               bool colored, std::string_view message) {
  const std::time_t seconds = time / kSecond;
  std::tm local{};
  localtime_r(&seconds, &local);
  const LevelText text = text_of(level);
  fmt::format_to(std::back_inserter(out),
                 "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} [{}] {}{}{} [nettracer] {}",
                 local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min,
                 local.tm_sec, time % kSecond / kMillisecond, thread, colored ? text.color : "",
                 text.name, colored ? "\033[m" : "", message);
}

NettracerLog::NettracerLog(NettracerLevel least, RecordQueue::Lines* lines, bool colored)
    : least_(least), lines_(lines), colored_(colored) {}

NettracerLog::~NettracerLog() = default;

Result<> NettracerLog::open_file(const std::string& directory) {
  const std::string path = fmt::format("{}/oneagent_nettracer_{}.log", directory, getpid());
  try {
    file_ = std::make_unique<spdlog::sinks::rotating_file_sink_st>(path, kFileBytes, kOlderFiles,
                                                                   false);
    file_->set_pattern("%v");
    return {};
  } catch (const std::exception& error) {
    return failure("there is no log file: " + std::string(error.what()));
  }
}

void NettracerLog::give_up(const char* reason) {
  file_.reset();
  log_warning("the log file ends here: " + std::string(reason));
}

void NettracerLog::say(NettracerLevel level, std::string_view message, Nanos time) {
  if (!shows(level)) return;
  if (lines_) {
    append_nettracer_log_line(lines_->text(), time, gettid(), level, colored_, message);
    lines_->text() += '\n';
    lines_->end_line(time);
  } else if (level == NettracerLevel::kWarning) {
    log_warning(message);
  } else if (level == NettracerLevel::kError) {
    log_error(message);
  }
  if (!file_) return;
  std::string line;
  append_nettracer_log_line(line, time, gettid(), level, false, message);
  try {
    file_->log({"", spdlog::level::info, line});
  } catch (const std::exception& error) {
    give_up(error.what());
  }
}

void NettracerLog::flush() {
  if (!file_) return;
  try {
    file_->flush();
  } catch (const std::exception& error) {
    give_up(error.what());
  }
}

}  // namespace weir
