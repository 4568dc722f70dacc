#include "output/drop_table.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

DropSample sample(std::string_view reason, std::uint16_t port, std::uint64_t packets) {
  const std::uint8_t four[] = {10, 0, 0, 1};
  DropSample sample;
  sample.drop.reason = reason;
  sample.drop.function = "tcp_v4_rcv";
  sample.drop.interface = "eth0";
  sample.drop.whole = true;
  sample.drop.addresses = FlowAddresses::kIpv4;
  sample.drop.protocol = 6;
  sample.drop.from = {IpAddress::v4(four), 4000};
  sample.drop.to = {IpAddress::v4(four), port};
  sample.packets = packets;
  return sample;
}

// Without the line of headings, which has the time.
std::string rows(std::string text) { return text.substr(text.find('\n') + 1); }

TEST(DropTableTest, MostPacketsFirst) {
  DropTable table;
  table.add(sample("NO_SOCKET", 80, 2));
  table.add(sample("TCP_FLAGS", 81, 30));
  EXPECT_EQ(rows(table.render(0)),
            "                30 TCP_FLAGS tcp_v4_rcv eth0      tcp 10.0.0.1:4000 → 10.0.0.1:81\n"
            "                 2 NO_SOCKET tcp_v4_rcv eth0      tcp 10.0.0.1:4000 → 10.0.0.1:80\n");
  EXPECT_EQ(rows(table.render(0)), "(no drop)\n");
}

TEST(DropTableTest, ByReason) {
  DropTable table(true);
  for (std::uint16_t port = 1; port <= 5; ++port) table.add(sample("NO_SOCKET", port, 2));
  table.add(sample("TCP_FLAGS", 81, 9));
  EXPECT_EQ(rows(table.render(0, 1)),
            "                10 NO_SOCKET tcp_v4_rcv eth0      5\n... and 1 with less\n");
}

TEST(DropTableTest, OnePacket) {
  DropEvent event;
  event.drop = sample("NO_SOCKET", 80, 1).drop;
  event.drop.vlan = 7;
  event.length = 60;
  std::string out;
  append_drop_text(out, event);
  EXPECT_EQ(out.substr(out.find(' ')),
            " NO_SOCKET tcp_v4_rcv eth0 tcp 10.0.0.1:4000 → 10.0.0.1:80 vlan 7, 60 B");
}

}  // namespace
}  // namespace weir
