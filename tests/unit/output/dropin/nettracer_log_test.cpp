#include "output/dropin/nettracer_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace weir {
namespace {

constexpr Nanos kTime = 1'782'482'226 * kSecond + 45 * kMillisecond + 999'999;

class NettracerLogFile : public testing::Test {
 protected:
  NettracerLogFile() {
    char made[] = "/tmp/weir-log-XXXXXX";
    folder_ = mkdtemp(made);
    setenv("TZ", "UTC", 1);
    tzset();
  }
  ~NettracerLogFile() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& more = "") const {
    return folder_ + "/oneagent_nettracer_" + std::to_string(getpid()) + more + ".log";
  }
  static std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder_;
};

TEST_F(NettracerLogFile, Line) {
  std::string out;
  append_nettracer_log_line(out, kTime, 4711, NettracerLevel::kInfo, false, "event");
  EXPECT_EQ(out, "2026-06-26 13:57:06.045 [4711] info [nettracer] event");
  out.clear();
  append_nettracer_log_line(out, kTime, 4711, NettracerLevel::kWarning, true, "less");
  EXPECT_EQ(out, "2026-06-26 13:57:06.045 [4711] \033[33m\033[1mwarning\033[m [nettracer] less");
}

TEST_F(NettracerLogFile, HasWhatIsEnough) {
  NettracerLog log(NettracerLevel::kInfo, nullptr, false);
  ASSERT_TRUE(log.open_file(folder_));
  log.say(NettracerLevel::kDebug, "no", kTime);
  log.say(NettracerLevel::kInfo, "{yes}", kTime);
  log.flush();
  EXPECT_EQ(text_of(path()),
            "2026-06-26 13:57:06.045 [" + std::to_string(gettid()) + "] info [nettracer] {yes}\n");
}

TEST_F(NettracerLogFile, Rotates) {
  NettracerLog log(NettracerLevel::kInfo, nullptr, false);
  ASSERT_TRUE(log.open_file(folder_));
  const std::string block(1 << 20, 'x');
  for (int i = 0; i < 55; ++i) log.say(NettracerLevel::kInfo, block, kTime);
  log.flush();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 4);
  for (const char* more : {".1", ".2", ".3"}) {
    EXPECT_LE(std::filesystem::file_size(path(more)), 10U << 20) << more;
  }
}

TEST_F(NettracerLogFile, NotWritable) {
  std::ofstream(folder_ + "/file") << "no directory";
  NettracerLog log(NettracerLevel::kInfo, nullptr, false);
  const Result<> opened = log.open_file(folder_ + "/file");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().text().find("there is no log file: "), 0U);
  EXPECT_FALSE(log.has_file());
}

TEST_F(NettracerLogFile, StandardOutput) {
  const std::string out = folder_ + "/out";
  const int fd = ::open(out.c_str(), O_CREAT | O_WRONLY, 0600);
  RecordQueue::Settings settings;
  settings.fd = fd;
  RecordQueue queue(settings);
  RecordQueue::Lines lines = queue.lines();
  NettracerLog log(NettracerLevel::kDebug, &lines, false);
  log.say(NettracerLevel::kDebug, "one", kTime);
  lines.flush();
  ASSERT_TRUE(queue.finish(std::chrono::seconds(5)));
  ::close(fd);
  EXPECT_EQ(text_of(out),
            "2026-06-26 13:57:06.045 [" + std::to_string(gettid()) + "] debug [nettracer] one\n");
}

}  // namespace
}  // namespace weir
