#include "cli/dropin/xtrace_catch.h"

#include <gtest/gtest.h>
#include <linux/if.h>

#include <cstdlib>

#include "cli/dropin/go_flags.h"
#include "record/name_servers.h"
#include "record/traffic_types.h"

namespace weir {
namespace {

using Words = std::vector<std::string>;

std::vector<Interface> three_interfaces() {
  std::vector<Interface> made(3);
  const char* const names[] = {"lo", "eth0", "ib0"};
  for (std::uint32_t i = 0; i < 3; ++i) {
    made[i].index = i + 1;
    made[i].name = names[i];
    made[i].flags = i < 2 ? IFF_UP : 0;
  }
  return made;
}

XtraceCommand command_of(const Words& arguments) {
  return parse_xtrace_catch(arguments, three_interfaces());
}

class XtraceCatch : public testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    for (const char* name : {"NETWORK_INTERFACE", "INTERFACE", "VICTORIAMETRICS_ENABLED",
                             "VICTORIAMETRICS_REMOTE_WRITE", "COLLECT_AGG"}) {
      unsetenv(name);
    }
  }
  // Of a command line that is understood without a word.
  static XtraceSettings parse(const Words& arguments) {
    const XtraceCommand command = command_of(arguments);
    EXPECT_EQ(command.text, "");
    EXPECT_EQ(command.status, 0);
    EXPECT_EQ(command.warnings, Words{});
    return command.settings;
  }
  static std::string warning(const Words& arguments) {
    const XtraceCommand command = command_of(arguments);
    EXPECT_EQ(command.text, "");
    return command.warnings.size() == 1 ? command.warnings[0] : "not one warning";
  }
};

TEST_F(XtraceCatch, Defaults) {
  const XtraceSettings settings = parse({});
  EXPECT_EQ(settings.interfaces, Words{"eth0"});
  EXPECT_TRUE(settings.types.empty());
  EXPECT_EQ(settings.interval, 5 * kSecond);
  EXPECT_TRUE(settings.excluded_addresses.empty());
  EXPECT_FALSE(settings.exclude_dns_ports);
  EXPECT_TRUE(settings.xdp);
  EXPECT_TRUE(settings.ingress);
  EXPECT_FALSE(settings.egress);
  EXPECT_FALSE(settings.form.rates);
  EXPECT_FALSE(settings.form.roce_v2_as_udp);
  EXPECT_EQ(settings.host_ip, "");
  EXPECT_EQ(settings.push_url, "");
  EXPECT_EQ(settings.collect_agg, "default");
}

TEST_F(XtraceCatch, FlagsInAllForms) {
  for (const Words& arguments :
       {Words{"-i", "ib0", "-f", "roce", "-t", "500", "-exclude-dns"},
        Words{"--interface", "ib0", "--filter", "roce", "--interval", "500", "--exclude-dns"},
        Words{"-interface=ib0", "--filter=roce", "-t=500", "--exclude-dns=true"},
        Words{"--i=ib0", "-filter", "roce", "-interval", "0x1f4", "-exclude-dns=1", "--"}}) {
    const XtraceSettings settings = parse(arguments);
    EXPECT_EQ(settings.interfaces, Words{"ib0"});
    EXPECT_EQ(settings.types, *parse_traffic_types("roce"));
    EXPECT_EQ(settings.interval, 500 * kMillisecond);
    EXPECT_EQ(settings.excluded_addresses, public_name_servers());
  }
  const XtraceSettings own =
      parse({"-rates", "-roce-v2-udp", "-exclude-dns-ports", "-host-ip", "10.0.0.9", "-count-l2"});
  EXPECT_TRUE(own.form.rates);
  EXPECT_TRUE(own.form.roce_v2_as_udp);
  EXPECT_TRUE(own.exclude_dns_ports);
  EXPECT_EQ(own.host_ip, "10.0.0.9");
}

TEST_F(XtraceCatch, SeveralInterfaces) {
  EXPECT_EQ(parse({"-i", " eth0 , ib0,,eth0,"}).interfaces, (Words{"eth0", "ib0"}));
}

TEST_F(XtraceCatch, TheInterfaceOfTheEnvironmentAndTheFlagOverIt) {
  setenv("INTERFACE", "lo", 1);
  EXPECT_EQ(parse({}).interfaces, Words{"lo"});
  setenv("NETWORK_INTERFACE", "ib0,eth0", 1);
  EXPECT_EQ(parse({}).interfaces, (Words{"ib0", "eth0"}));
  EXPECT_EQ(parse({"-i", "lo"}).interfaces, Words{"lo"});
  EXPECT_EQ(parse({"-i", ""}).interfaces, (Words{"ib0", "eth0"}));
  setenv("NETWORK_INTERFACE", "", 1);
  EXPECT_EQ(parse({}).interfaces, Words{"lo"});
}

TEST_F(XtraceCatch, AnInterfaceThatDoesNotExistListsThose) {
  const XtraceCommand command = command_of({"-i", "eth0,eth9"});
  EXPECT_EQ(command.status, 1);
  EXPECT_EQ(command.text,
            "Error: there is no interface eth9\n"
            "Available network interfaces:\n"
            "  - lo (index: 1, state: UP)\n"
            "  - eth0 (index: 2, state: UP)\n"
            "  - ib0 (index: 3, state: DOWN)\n");
  EXPECT_EQ(parse_xtrace_catch({}, {}).status, 1);
}

TEST_F(XtraceCatch, ListAndHelp) {
  for (const char* flag : {"-l", "-list", "--list"}) {
    const XtraceCommand command = command_of({"-i", "nosuch", flag});
    EXPECT_EQ(command.status, 0);
    EXPECT_NE(command.text.find("  - eth0 (index: 2, state: UP)\n"), std::string::npos);
  }
  for (const char* flag : {"-h", "-help", "--help"}) {
    const XtraceCommand command = command_of({"-t", "1", flag});
    EXPECT_EQ(command.status, 0);
    for (const char* known : {"-interface", "-filter", "-interval", "-exclude-dns", "-list",
                              "-mode", "-direction", "COLLECT_AGG", "roce_v1"}) {
      EXPECT_NE(command.text.find(known), std::string::npos) << known;
    }
  }
}

TEST_F(XtraceCatch, WhatIsNotUnderstood) {
  const std::pair<Words, const char*> wrong[] = {
      {{"-x"}, "flag provided but not defined: -x"},
      {{"--nonsense=1"}, "flag provided but not defined: -nonsense"},
      {{"-i"}, "flag needs an argument: -i"},
      {{"-t", "soon"}, "invalid value \"soon\" for flag -t: parse error"},
      {{"-t", "5s"}, "invalid value \"5s\" for flag -t: parse error"},
      {{"-interval="}, "invalid value \"\" for flag -interval: parse error"},
      {{"-t=99999999999999999999"}, "parse error"},
      {{"-l=maybe"}, "invalid boolean value \"maybe\" for -l: parse error"},
      {{"---i"}, "bad flag syntax: ---i"},
      {{"-=1"}, "bad flag syntax: -=1"}};
  for (const auto& [arguments, message] : wrong) {
    const XtraceCommand command = command_of(arguments);
    EXPECT_EQ(command.status, 2) << message;
    EXPECT_NE(command.text.find(message), std::string::npos) << command.text;
    EXPECT_NE(command.text.find("\nUsage: "), std::string::npos);
  }
}

TEST_F(XtraceCatch, TheIntervalHasLimits) {
  EXPECT_EQ(parse({"-t", "100"}).interval, 100 * kMillisecond);
  EXPECT_EQ(parse({"-t", "3600000"}).interval, 3600 * kSecond);
  for (const char* wrong : {"99", "3600001", "0", "-5000", "9223372036854775807"}) {
    const XtraceCommand command = command_of({"-t", wrong});
    EXPECT_EQ(command.status, 1);
    EXPECT_EQ(command.text, std::string("Error: an interval is 100 to 3600000 milliseconds, not ") +
                                wrong + "\n");
  }
}

TEST_F(XtraceCatch, AFilterThatIsNoneShowsEverything) {
  EXPECT_NE(warning({"-f", "rocev2"}).find("filter rocev2 is not roce,"), std::string::npos);
  EXPECT_TRUE(command_of({"-f", "rocev2"}).settings.types.empty());
  EXPECT_EQ(parse({"-f", "ib"}).types, std::vector{TrafficType::kInfiniband});
  EXPECT_TRUE(parse({"-f", ""}).types.empty());
}

TEST_F(XtraceCatch, ModesAndDirections) {
  EXPECT_FALSE(parse({"-m", "tc"}).xdp);
  EXPECT_TRUE(parse({"-mode=xdp", "-direction=ingress"}).xdp);
  const XtraceSettings both = parse({"-m", "tc", "-d", "both"});
  EXPECT_TRUE(both.ingress && both.egress);
  const XtraceSettings egress = parse({"-m", "tc", "-d", "egress"});
  EXPECT_TRUE(!egress.ingress && egress.egress);
  EXPECT_EQ(warning({"-d", "both"}), "XDP sees ingress alone: direction both takes tc");
  EXPECT_FALSE(command_of({"-d", "egress"}).settings.xdp);
  EXPECT_EQ(command_of({"-d", "up"}).status, 1);
  EXPECT_EQ(command_of({"-m", "ebpf"}).text, "Error: mode ebpf is not xdp or tc\n");
  EXPECT_NE(command_of({"-m", "rdma"}).text.find("is gone"), std::string::npos);
}

TEST_F(XtraceCatch, ThePush) {
  setenv("VICTORIAMETRICS_REMOTE_WRITE", "http://vm:8428/api/v1/write", 1);
  setenv("COLLECT_AGG", "cluster-01", 1);
  EXPECT_EQ(parse({}).push_url, "");
  EXPECT_EQ(parse({}).collect_agg, "cluster-01");
  for (const char* yes : {"true", "1"}) {
    setenv("VICTORIAMETRICS_ENABLED", yes, 1);
    EXPECT_EQ(parse({}).push_url, "http://vm:8428/api/v1/write");
  }
  for (const char* no : {"false", "0", ""}) {
    setenv("VICTORIAMETRICS_ENABLED", no, 1);
    EXPECT_EQ(parse({}).push_url, "");
  }
  setenv("VICTORIAMETRICS_ENABLED", "yes", 1);
  EXPECT_NE(warning({}).find("nothing is pushed"), std::string::npos);
  EXPECT_EQ(command_of({}).settings.push_url, "");
  setenv("VICTORIAMETRICS_ENABLED", "1", 1);
  unsetenv("VICTORIAMETRICS_REMOTE_WRITE");
  setenv("COLLECT_AGG", "", 1);
  EXPECT_EQ(parse({}).push_url, "http://localhost:8428/api/v1/import/prometheus");
  EXPECT_EQ(parse({}).collect_agg, "default");
}

TEST_F(XtraceCatch, WordsBehindTheFlagsAreNotRead) {
  EXPECT_EQ(warning({"-f", "tcp", "eth1", "-t", "1"}),
            "\"eth1\" is no flag: it and what follows it is not read");
}

TEST(GoFlags, AreReadAsGoReadsThem) {
  std::string text = "default";
  std::int64_t number = 7;
  bool on = true;
  GoFlags flags;
  flags.add({"s", "text"}, text);
  flags.add({"n"}, number);
  flags.add({"b"}, on);
  // A switch takes no value from the next argument.
  const auto rest = flags.parse({"-b=false", "--text=a=b", "-n", "-12", "-b", "false", "-n=3"});
  ASSERT_TRUE(rest);
  EXPECT_EQ(*rest, (Words{"false", "-n=3"}));
  EXPECT_EQ(text, "a=b");
  EXPECT_EQ(number, -12);
  EXPECT_TRUE(on);
  EXPECT_EQ(*flags.parse({"-s", "-b", "-", "x"}), (Words{"-", "x"}));
  EXPECT_EQ(text, "-b");
  EXPECT_EQ(*flags.parse({"-n", "010", "--", "-n"}), Words{"-n"});
  EXPECT_EQ(number, 8);
  EXPECT_FALSE(flags.parse({"-n", " 3"}));
  EXPECT_FALSE(flags.parse({"-n", "0x"}));
}

}  // namespace
}  // namespace weir
