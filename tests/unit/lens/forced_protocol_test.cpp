#include "lens/forced_protocol.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(ForcedProtocol, ReadsNamePortsAndHost) {
  const auto rule = ForcedProtocol::parse("http;8080,8081;10.0.0.1");
  ASSERT_TRUE(rule) << rule.error().text();
  EXPECT_EQ(rule->protocol->name, "http");
  EXPECT_EQ(rule->ports, (std::vector<std::uint16_t>{8080, 8081}));
  const std::uint8_t host[] = {10, 0, 0, 1};
  EXPECT_TRUE(rule->covers({IpAddress::v4(host), 8081}, Transport::kTcp));
  EXPECT_FALSE(rule->covers({IpAddress::v4(host), 80}, Transport::kTcp));
  EXPECT_FALSE(rule->covers({IpAddress::v4(host), 8081}, Transport::kUdp));
  EXPECT_FALSE(rule->covers({{}, 8081}, Transport::kTcp));
}

TEST(ForcedProtocol, SaysWhatIsWrong) {
  const struct {
    const char* rule;
    const char* part;
  } cases[] = {{"htp;80", "no protocol 'htp'"},
               {"http", "needs a port"},
               {"http;", "needs a port"},
               {"http;0", "'0' is no port"},
               {"http;80x", "'80x' is no port"},
               {"http;65536", "'65536' is no port"},
               {"http;80;example.org", "no IP address"}};
  for (const auto& c : cases) {
    const auto rule = ForcedProtocol::parse(c.rule);
    ASSERT_FALSE(rule) << c.rule;
    EXPECT_NE(rule.error().text().find(c.part), std::string::npos) << rule.error().text();
  }
}

}  // namespace
}  // namespace weir
