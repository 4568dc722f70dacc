#include "record/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

std::string text(const IpAddress& address) {
  std::string out;
  append_address(out, address);
  return out;
}

std::string v4_text(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  const std::uint8_t four[] = {a, b, c, d};
  return text(IpAddress::v4(four));
}

std::string v6_text(const char* address) {
  std::uint8_t sixteen[16];
  EXPECT_EQ(inet_pton(AF_INET6, address, sixteen), 1) << address;
  return text(IpAddress::v6(sixteen));
}

TEST(Address, WritesDottedQuads) {
  EXPECT_EQ(v4_text(0, 0, 0, 0), "0.0.0.0");
  EXPECT_EQ(v4_text(10, 9, 100, 99), "10.9.100.99");
  EXPECT_EQ(v4_text(255, 255, 255, 255), "255.255.255.255");
  for (unsigned octet = 0; octet < 256; ++octet) {
    const auto byte = static_cast<std::uint8_t>(octet);
    const std::string digits = std::to_string(octet);
    EXPECT_EQ(v4_text(byte, 1, byte, byte), digits + ".1." + digits + "." + digits);
  }
}

TEST(Address, WritesRfc5952) {
  EXPECT_EQ(v6_text("2001:0DB8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
  EXPECT_EQ(v6_text("::1"), "::1");
  EXPECT_EQ(v6_text("::"), "::");
  EXPECT_EQ(v6_text("fe80::1:2:3:4"), "fe80::1:2:3:4");
}

TEST(Address, AMappedAddressIsItsIpv4) { EXPECT_EQ(v6_text("::ffff:192.0.2.1"), "192.0.2.1"); }

TEST(Address, AppendsBehindWhatIsThere) {
  std::string out = "from ";
  append_address(out, IpAddress{});
  EXPECT_EQ(out, "from ::");
}

}  // namespace
}  // namespace weir
