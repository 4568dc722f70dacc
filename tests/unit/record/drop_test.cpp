#include "record/drop.h"

#include <gtest/gtest.h>

#include "record/json.h"

namespace weir {
namespace {

Endpoint end(std::uint8_t last, std::uint16_t port) {
  const std::uint8_t four[] = {10, 0, 0, last};
  return {IpAddress::v4(four), port};
}

Drop udp_drop() {
  Drop drop;
  drop.reason = "NO_SOCKET";
  drop.function = "__udp4_lib_rcv";
  drop.interface = "eth0";
  drop.interface_index = 2;
  drop.network_namespace = 4026531840;
  drop.cookie = 7;
  drop.whole = true;
  drop.addresses = FlowAddresses::kIpv4;
  drop.from = end(1, 4000);
  drop.to = end(2, 53);
  drop.protocol = 17;
  drop.vlan = 5;
  return drop;
}

template <class Record>
std::string json(const Record& record) {
  std::string out;
  append_json(out, record);
  return out;
}

TEST(DropTest, SampleAsJson) {
  DropSample sample;
  sample.interval_ns = kSecond;
  sample.drop = udp_drop();
  sample.packets = 3;
  sample.bytes = 300;
  sample.first_seen = kSecond;
  sample.last_seen = 2 * kSecond;
  EXPECT_EQ(json(sample),
            R"({"lens":"drops","time":"1970-01-01T00:00:00.000000000Z","drop_source":"kernel",)"
            R"("reason":"NO_SOCKET","function":"__udp4_lib_rcv","interface":"eth0","ifindex":2,)"
            R"("network_namespace":4026531840,"cookie":7,"vlan":5,"protocol":17,)"
            R"("source":{"address":"10.0.0.1","port":4000},)"
            R"("destination":{"address":"10.0.0.2","port":53},"interval_ns":1000000000,)"
            R"("packets":3,"bytes":300,"first_seen":"1970-01-01T00:00:01.000000000Z",)"
            R"("last_seen":"1970-01-01T00:00:02.000000000Z"})");
}

TEST(DropTest, CounterHasNoPacket) {
  DropSample sample;
  sample.drop.source = DropSource::kCounter;
  sample.drop.reason = "TcpExtListenOverflows";
  sample.packets = 4;
  EXPECT_EQ(json(sample),
            R"({"lens":"drops","time":"1970-01-01T00:00:00.000000000Z","drop_source":"counter",)"
            R"("reason":"TcpExtListenOverflows","interval_ns":0,"packets":4})");
}

TEST(DropTest, EventAsJson) {
  DropEvent event;
  event.drop = udp_drop();
  event.drop.protocol = 1;
  event.drop.from.port = event.drop.to.port = 0;
  event.drop.icmp.emplace(std::uint8_t{8}, std::uint8_t{0});
  event.length = 84;
  event.ttl = 64;
  event.hardware = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xab};
  EXPECT_EQ(json(event),
            R"({"lens":"drops","record":"event","time":"1970-01-01T00:00:00.000000000Z",)"
            R"("drop_source":"kernel","reason":"NO_SOCKET","function":"__udp4_lib_rcv",)"
            R"("interface":"eth0","ifindex":2,"network_namespace":4026531840,"cookie":7,"vlan":5,)"
            R"("protocol":1,"source":{"address":"10.0.0.1"},"destination":{"address":"10.0.0.2"},)"
            R"("icmp":{"type":8,"code":0},"bytes":84,"tos":0,"ttl":64,)"
            R"("source_hardware":"02:00:00:00:00:ab","destination_hardware":"02:00:00:00:00:01"})");
}

TEST(DropTest, ProtocolForPeople) {
  Drop drop = udp_drop();
  EXPECT_EQ(drop_protocol_text(drop), "udp");
  drop.protocol = 89;
  EXPECT_EQ(drop_protocol_text(drop), "ip-89");
  drop.addresses = FlowAddresses::kNone;
  drop.ether_type = 0x0806;
  EXPECT_EQ(drop_protocol_text(drop), "arp");
  drop.ether_type = 0x88cc;
  EXPECT_EQ(drop_protocol_text(drop), "0x88cc");
  drop.whole = false;
  EXPECT_EQ(drop_protocol_text(drop), "");
}

}  // namespace
}  // namespace weir
