#include "cli/dropin/netprobe_agent.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "cli/dropin/dropin.h"
#include "cli/dropin/go_duration.h"

namespace weir {
namespace {

using Names = std::vector<std::string>;

class NetprobeAgent : public testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    for (const char* name : {"METRICS_PORT", "COLLECT_INTERVAL", "INTERFACE_FILTER", "ACTIVE_ONLY",
                             "DEBUG", "ATTACH_INTERFACE"}) {
      unsetenv(name);
    }
  }
  static NetprobeSettings parse(const std::vector<std::string>& arguments) {
    auto command = parse_netprobe_agent(arguments);
    if (!command) throw std::runtime_error(command.error().text());
    EXPECT_EQ(command->text, "");
    return command->settings;
  }
  static std::string error(const std::vector<std::string>& arguments) {
    const auto command = parse_netprobe_agent(arguments);
    return command ? "no error" : command.error().text();
  }
};

TEST_F(NetprobeAgent, Defaults) {
  const NetprobeSettings settings = parse({});
  EXPECT_EQ(settings.port, 8081);
  EXPECT_EQ(settings.path, "/metrics");
  EXPECT_EQ(settings.interval, 5 * kSecond);
  EXPECT_TRUE(settings.interface_filter.empty());
  EXPECT_FALSE(settings.active_only);
  EXPECT_FALSE(settings.debug);
  EXPECT_EQ(settings.attach_interface, "");
}

TEST_F(NetprobeAgent, FlagsInBothForms) {
  const NetprobeSettings settings =
      parse({"--metrics-port", "9090", "--metrics-path=/m", "--collect-interval", "1m30s",
             "--interface-filter", "eth0,wlan0", "--interface-filter=lo", "--active-only",
             "--debug=true", "--attach-interface=eth0", "--node-name", "n1"});
  EXPECT_EQ(settings.port, 9090);
  EXPECT_EQ(settings.path, "/m");
  EXPECT_EQ(settings.interval, 90 * kSecond);
  EXPECT_EQ(settings.interface_filter, (Names{"eth0", "wlan0", "lo"}));
  EXPECT_TRUE(settings.active_only);
  EXPECT_TRUE(settings.debug);
  EXPECT_EQ(settings.attach_interface, "eth0");
  EXPECT_FALSE(parse({"--debug=false"}).debug);
}

TEST_F(NetprobeAgent, FlagsOfItsLoggingLibraryAreIgnored) {
  const NetprobeSettings settings =
      parse({"-v", "4", "-v=2", "-v3", "--v=2", "--v", "2", "--logtostderr", "--logtostderr=false",
             "--alsologtostderr=true", "--vmodule=a=1", "--log_dir", "/tmp", "--log-file=x",
             "--stderrthreshold=ERROR", "--skip_headers", "--debug"});
  EXPECT_TRUE(settings.debug);
}

TEST_F(NetprobeAgent, TheEnvironmentAndFlagsOverIt) {
  setenv("METRICS_PORT", "9191", 1);
  setenv("COLLECT_INTERVAL", "500ms", 1);
  setenv("INTERFACE_FILTER", "eth0, wlan0,", 1);
  setenv("ACTIVE_ONLY", "true", 1);
  setenv("DEBUG", "1", 1);
  setenv("ATTACH_INTERFACE", "eth0", 1);
  NetprobeSettings settings = parse({});
  EXPECT_EQ(settings.port, 9191);
  EXPECT_EQ(settings.interval, 500 * kMillisecond);
  EXPECT_EQ(settings.interface_filter, (Names{"eth0", "wlan0"}));
  EXPECT_TRUE(settings.active_only);
  EXPECT_TRUE(settings.debug);
  EXPECT_EQ(settings.attach_interface, "eth0");
  settings = parse({"--metrics-port=80", "--collect-interval=2s", "--interface-filter=lo",
                    "--active-only=false", "--debug=false", "--attach-interface=lo"});
  EXPECT_EQ(settings.port, 80);
  EXPECT_EQ(settings.interval, 2 * kSecond);
  EXPECT_EQ(settings.interface_filter, Names{"lo"});
  EXPECT_FALSE(settings.active_only);
  EXPECT_FALSE(settings.debug);
  EXPECT_EQ(settings.attach_interface, "lo");
  setenv("DEBUG", "express:*", 1);
  setenv("METRICS_PORT", "", 1);
  settings = parse({});
  EXPECT_FALSE(settings.debug);
  EXPECT_EQ(settings.port, 8081);
  setenv("METRICS_PORT", "x", 1);
  EXPECT_EQ(error({}), "invalid value \"x\" of METRICS_PORT: not a port (0 to 65535)");
}

TEST_F(NetprobeAgent, Errors) {
  EXPECT_EQ(error({"--metrics-port=65536"}),
            "invalid argument \"65536\" for \"--metrics-port\" flag: not a port (0 to 65535)");
  EXPECT_EQ(error({"--collect-interval=5"}),
            "invalid argument \"5\" for \"--collect-interval\" flag: invalid duration \"5\" (write "
            "it as 500ms, 5s or 1m30s)");
  EXPECT_NE(error({"--collect-interval=0s"}).find("the shortest interval"), std::string::npos);
  EXPECT_NE(error({"--metrics-path=m"}).find("begins with /"), std::string::npos);
  EXPECT_NE(error({"--nonsense"}).find("--nonsense"), std::string::npos);
  EXPECT_NE(error({"--metrics-port"}).find("--metrics-port"), std::string::npos);
}

TEST_F(NetprobeAgent, HelpAndVersion) {
  const auto help = parse_netprobe_agent({"--help"});
  ASSERT_TRUE(help);
  for (const char* flag :
       {"--metrics-port", "--metrics-path", "--collect-interval", "--interface-filter",
        "--active-only", "--debug", "--attach-interface", "--version", "netprobe-agent"}) {
    EXPECT_NE(help->text.find(flag), std::string::npos) << flag;
  }
  EXPECT_EQ(help->text.find("vmodule"), std::string::npos);
  const auto version = parse_netprobe_agent({"--version"});
  ASSERT_TRUE(version);
  EXPECT_TRUE(version->text.starts_with("netprobe-agent version "));
  EXPECT_TRUE(version->text.ends_with(" (commit: unknown, date: unknown)\n"));
}

TEST(GoDuration, Forms) {
  const std::pair<const char*, Nanos> good[] = {{"5s", 5 * kSecond},
                                                {"1m30s", 90 * kSecond},
                                                {"1.5s", 1500 * kMillisecond},
                                                {"500ms", 500 * kMillisecond},
                                                {"1h2m3.5s", 3'723'500 * kMillisecond},
                                                {"10us", 10 * kMicrosecond},
                                                {"10\u00b5s", 10 * kMicrosecond},
                                                {"7ns", 7},
                                                {".5s", 500 * kMillisecond},
                                                {"2.s", 2 * kSecond},
                                                {"+1s", kSecond},
                                                {"-1s", -kSecond},
                                                {"0", 0}};
  for (const auto& [text, nanos] : good) {
    const auto parsed = parse_go_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, nanos) << text;
  }
  for (const char* text :
       {"", "5", "s", "5x", "5 s", "1e3s", "-", "1m30", ".s", "1..2s", "--1s", "9999999999h"}) {
    EXPECT_FALSE(parse_go_duration(text)) << text;
  }
}

TEST(Dropin, ByTheNameOfTheProgram) {
  EXPECT_NE(find_dropin("netprobe-agent"), nullptr);
  EXPECT_NE(find_dropin("/usr/local/bin/netprobe-agent"), nullptr);
  EXPECT_EQ(find_dropin("weir"), nullptr);
  EXPECT_EQ(find_dropin(""), nullptr);
  EXPECT_EQ(find_dropin("netprobe-agent/"), nullptr);
  EXPECT_NE(dropin_names().find("netprobe-agent"), std::string::npos);
}

}  // namespace
}  // namespace weir
