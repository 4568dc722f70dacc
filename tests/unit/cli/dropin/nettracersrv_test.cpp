#include "cli/dropin/nettracersrv.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weir {
namespace {

using Words = std::vector<std::string>;

NettracerSettings settings_of(const Words& arguments) {
  const auto command = parse_nettracersrv(arguments);
  EXPECT_TRUE(command) << command.error().text();
  return command ? command->settings : NettracerSettings{};
}

TEST(Nettracersrv, Defaults) {
  const NettracerSettings settings = settings_of({});
  EXPECT_FALSE(settings.table || settings.machine || settings.incremental || settings.headers ||
               settings.with_loopback || settings.test_only);
  EXPECT_TRUE(settings.events);
  EXPECT_EQ(settings.level, NettracerLevel::kInfo);
  EXPECT_EQ(settings.interval, 30 * kSecond);
  EXPECT_TRUE(settings.log_directory.empty());
  EXPECT_TRUE(settings.notes.empty());
}

TEST(Nettracersrv, LongAndShort) {
  for (const Words& words :
       {Words{"-n", "-r", "-i", "-s", "-f", "-t", "5", "-l", "/var/log", "-e", "0"},
        Words{"-nrisf", "-t5", "-l/var/log", "-e0"},
        Words{"--no_stdout_log", "--noninteractive", "--incremental", "--header", "--with_loopback",
              "--time_interval=5", "--log=/var/log", "--events", "0"}}) {
    const NettracerSettings settings = settings_of(words);
    EXPECT_TRUE(settings.table && settings.machine && settings.incremental && settings.headers &&
                settings.with_loopback);
    EXPECT_FALSE(settings.events);
    EXPECT_EQ(settings.interval, 5 * kSecond);
    EXPECT_EQ(settings.log_directory, "/var/log");
  }
}

TEST(Nettracersrv, BothMeaningsOfD) {
  EXPECT_TRUE(settings_of({"-d"}).table);
  EXPECT_TRUE(settings_of({"--debug"}).table);
  EXPECT_TRUE(settings_of({"-d", "-t", "5"}).table);
  EXPECT_EQ(settings_of({"-d", "-t", "5"}).interval, 5 * kSecond);
  EXPECT_TRUE(settings_of({"-t", "5", "-d"}).table);
  for (const Words& words : {Words{"-d", "debug"}, Words{"-ddebug"}, Words{"--debug=debug"},
                             Words{"--debug", "debug"}}) {
    const NettracerSettings settings = settings_of(words);
    EXPECT_FALSE(settings.table);
    EXPECT_EQ(settings.level, NettracerLevel::kDebug);
  }
  EXPECT_EQ(settings_of({"-d", "trace"}).level, NettracerLevel::kTrace);
  EXPECT_EQ(settings_of({"-d", "info"}).level, NettracerLevel::kInfo);
  EXPECT_EQ(settings_of({"-d", "loud"}).level, NettracerLevel::kInfo);
  EXPECT_FALSE(settings_of({"-d", "loud"}).table);
}

TEST(Nettracersrv, WithoutEffect) {
  const NettracerSettings settings = settings_of(
      {"-c", "-b", "BTF", "-p", "nettracer-bpf.o", "-m", "8192", "--counters_interval", "0"});
  ASSERT_EQ(settings.notes.size(), 5U);
  EXPECT_EQ(settings.notes[3], "--map_size has no effect: what is known is kept with each socket");
}

TEST(Nettracersrv, Refused) {
  for (const Words& words : {Words{"--nosuch"}, Words{"-t"}, Words{"-t", "soon"}, Words{"-t", "-1"},
                             Words{"more"}, Words{"-z"}}) {
    EXPECT_FALSE(parse_nettracersrv(words)) << words[0];
  }
}

TEST(Nettracersrv, Texts) {
  EXPECT_EQ(parse_nettracersrv({"-h"})->text.find("Options:\n"), 0U);
  const std::string version = parse_nettracersrv({"--version"})->text;
  EXPECT_EQ(version.find("version: "), 0U);
  EXPECT_EQ(version.back(), '\n');
}

class NettracerArgumentsFile : public testing::Test {
 protected:
  NettracerArgumentsFile() {
    char made[] = "/tmp/weir-arguments-XXXXXX";
    folder_ = mkdtemp(made);
  }
  ~NettracerArgumentsFile() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& text) const {
    std::ofstream(folder_ + "/args") << text;
    return folder_ + "/args";
  }

  std::string folder_;
};

TEST_F(NettracerArgumentsFile, AsACommandLine) {
  const auto arguments =
      nettracer_arguments(file("# of the table\n no_stdout_log =\r\nnoninteractive=true\n\n"
                               "time_interval = 7 # seconds\nincremental=false\nlog=/var/log\n"));
  ASSERT_TRUE(arguments) << arguments.error().text();
  const NettracerSettings settings = settings_of(*arguments);
  EXPECT_TRUE(settings.table && settings.machine);
  EXPECT_FALSE(settings.incremental);
  EXPECT_EQ(settings.interval, 7 * kSecond);
  EXPECT_EQ(settings.log_directory, "/var/log");
}

TEST_F(NettracerArgumentsFile, NotUnderstood) {
  EXPECT_FALSE(nettracer_arguments(file("no_stdout_log\n")));
  EXPECT_FALSE(nettracer_arguments(folder_ + "/none"));
  EXPECT_FALSE(parse_nettracersrv(*nettracer_arguments(file("n=\nt=5\n"))));
}

}  // namespace
}  // namespace weir
