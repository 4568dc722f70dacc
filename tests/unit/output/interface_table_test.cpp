#include "output/interface_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace weir {
namespace {

std::vector<std::string> lines_of(const std::vector<InterfaceSample>& samples) {
  std::istringstream text(InterfaceTable().render(samples));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

InterfaceSample sample(const std::string& name) {
  InterfaceSample made;
  made.name = name;
  made.state = "up";
  made.ingress = {.frames = 1, .bytes = 60000, .wire_packets = 41, .wire_bytes = 62640};
  made.ingress_rate = {.frames = 1, .bytes = 60000, .wire_packets = 41, .wire_bytes = 62640};
  return made;
}

TEST(InterfaceTable, ShowsTheWire) {
  const auto lines = lines_of({sample("eth0")});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_NE(lines[2].find(" 41 "), std::string::npos) << lines[2];
  EXPECT_NE(lines[2].find(" 501 k "), std::string::npos) << lines[2];    // bit/s
  EXPECT_NE(lines[2].find(" 62.6 kB "), std::string::npos) << lines[2];  // in all
}

TEST(InterfaceTable, LinesStandUnderEachOtherAndFitATerminal) {
  InterfaceSample wide = sample("a-name-as-long1");
  wide.state = "no-carrier";
  wide.ingress = wide.egress = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
  wide.ingress_rate = wide.egress_rate = {1e12, 1e12, 1e12, 1e12};
  const auto lines = lines_of({sample("lo"), wide});
  for (std::size_t i = 2; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].rfind(' '), lines[1].rfind(' ')) << lines[i];  // before the state
  }
}

TEST(InterfaceTable, FitsTheTerminal) {
  std::vector<InterfaceSample> many;
  for (std::uint32_t i = 1; i <= 100; ++i) {
    InterfaceSample one = sample("veth" + std::to_string(i));
    one.index = i;
    one.ingress_rate.wire_bytes = i == 70 ? 1e9 : 0;
    many.push_back(one);
  }
  const std::string table = InterfaceTable().render(many, {.rows = 24, .columns = 40});
  EXPECT_LT(std::count(table.begin(), table.end(), '\n'), 24);
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 40U);
  EXPECT_NE(table.find("veth70 "), std::string::npos);
  EXPECT_NE(table.find("... and 80 less busy"), std::string::npos) << table;
  EXPECT_NE(InterfaceTable().render({}, {.rows = 2, .columns = 80}).find("no interface"),
            std::string::npos);
}

TEST(InterfaceTable, DropsAreThoseSinceTheTableBefore) {
  InterfaceSample one = sample("eth0");
  one.interval_ns = 2 * kSecond;
  one.device.emplace().rx_dropped = 1000;
  InterfaceTable table;
  EXPECT_NE(table.render({one}).find(" - up"), std::string::npos);
  one.device->rx_dropped += 40;
  one.device->tx_errors += 4;
  one.queue_dropped = 2;
  EXPECT_NE(table.render({one}).find(" 23 up"), std::string::npos);
  EXPECT_NE(table.render({one}).find(" 0 up"), std::string::npos);
}

TEST(InterfaceTable, NamesCannotCommandTheTerminal) {
  EXPECT_EQ(InterfaceTable().render({sample("\x1b[2J")}).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace weir
