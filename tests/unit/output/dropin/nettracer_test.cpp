#include "output/dropin/nettracer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr Nanos kNow = 1'782'482'226 * kSecond + 900 * kMillisecond;
constexpr Nanos kStart = 1'782'482'200 * kSecond + 100 * kMillisecond;

Endpoint end_of(const char* address, std::uint16_t port) {
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, address, bytes) == 1) return {IpAddress::v4(bytes), port};
  EXPECT_EQ(inet_pton(AF_INET6, address, bytes), 1) << address;
  return {IpAddress::v6(bytes), port};
}

Connection made_connection() {
  Connection connection;
  connection.cookie = 7;
  connection.network_namespace = 4026531840;
  connection.local = end_of("10.0.0.1", 50000);
  connection.remote = end_of("10.0.0.2", 443);
  connection.role = ConnectionRole::kClient;
  connection.process.pid = 1234;
  connection.established = kStart;
  connection.counts.bytes_sent = 1700;
  connection.counts.bytes_retransmitted = 200;
  connection.counts.bytes_received = 90000;
  connection.counts.segments_sent = 12;
  connection.counts.segments_received = 70;
  connection.srtt_ns = 250 * kMicrosecond;
  connection.rttvar_ns = 125 * kMicrosecond;
  return connection;
}

std::string machine_row(const NettracerRow& row, bool headers = false) {
  std::string out;
  append_nettracer_machine_row(out, row, kNow, headers);
  return out;
}

TEST(NettracerMachineRow, OfIpv4) {
  EXPECT_EQ(machine_row(nettracer_row(made_connection())),
            "  1782482226 0 0100000A C350 0 0200000A 01BB         1234  4026531840 100 "
            "                  1500                 90000                    12"
            "                    70                     0         250         125"
            "      1782482200       26\n");
}

TEST(NettracerMachineRow, OfIpv6) {
  Connection connection = made_connection();
  connection.local = end_of("2001:db8::1", 80);
  connection.remote = end_of("fe80::4173:69ff:fe61:2106", 65535);
  connection.role = ConnectionRole::kServer;
  EXPECT_EQ(machine_row(nettracer_row(connection)).substr(0, 122),
            "  1782482226 1 00000000B80D01200100000000000000 0050 "
            "1 00000000000080FE062161FEFF697341 FFFF         1234  4026531840 110 ");
}

TEST(NettracerMachineRow, MappedIsIpv4) {
  Connection connection = made_connection();
  connection.local = end_of("::ffff:10.0.0.1", 50000);
  EXPECT_EQ(machine_row(nettracer_row(connection)).substr(0, 28), "  1782482226 0 0100000A C350");
}

TEST(NettracerMachineRow, WithoutStartOfWhatIsOlder) {
  Connection connection = made_connection();
  connection.established.reset();
  connection.role = ConnectionRole::kUnknown;
  const std::string line = machine_row(nettracer_row(connection));
  EXPECT_NE(line.find("  4026531840 000                   1500 "), std::string::npos) << line;
  EXPECT_EQ(line.substr(line.size() - 25), "         250         125\n");
}

TEST(NettracerMachineRow, ClosedLastedUntilThen) {
  NettracerRow row = nettracer_row(made_connection());
  row.closed = kStart + 3 * kSecond + 1;
  const std::string line = machine_row(row);
  EXPECT_NE(line.find(" 101 "), std::string::npos) << line;
  EXPECT_EQ(line.substr(line.size() - 26), "      1782482200        3\n");
}

TEST(NettracerMachineRow, BytesWithHeaders) {
  EXPECT_NE(machine_row(nettracer_row(made_connection()), true)
                .find(" 100                   2292                 94620                    12"),
            std::string::npos);
  Connection connection = made_connection();
  connection.local = end_of("2001:db8::1", 80);
  EXPECT_NE(machine_row(nettracer_row(connection), true)
                .find(" 100                   2532                 96020                    12"),
            std::string::npos);
}

TEST(NettracerCounts, Difference) {
  const NettracerCounts counts = NettracerCounts{10, 20, 3, 4, 5} - NettracerCounts{4, 20, 1, 1, 6};
  EXPECT_EQ(counts.bytes_sent, 6U);
  EXPECT_EQ(counts.bytes_received, 0U);
  EXPECT_EQ(counts.packets_sent, 2U);
  EXPECT_EQ(counts.packets_received, 3U);
  EXPECT_EQ(counts.retransmissions, 0U);
}

TEST(NettracerHumanTable, Narrow) {
  std::string out;
  append_nettracer_heading(out, 80);
  append_nettracer_human_row(out, nettracer_row(made_connection()), 80);
  EXPECT_EQ(out,
            "local address         remote address        pid                   "
            "bytes sent            bytes received        rtt                   \n"
            "10.0.0.1:50000        10.0.0.2:443          1234                  "
            "1500                  90000                 250                   \n");
}

TEST(NettracerHumanTable, Wide) {
  std::string out;
  append_nettracer_heading(out, 150);
  EXPECT_EQ(out.substr(0, 39), "local address            remote address");
  Connection connection = made_connection();
  connection.local = end_of("2001:db8::1", 80);
  out.clear();
  append_nettracer_human_row(out, nettracer_row(connection), 150);
  EXPECT_EQ(out.substr(0, 37), "2001:db8::1:80           10.0.0.2:443");
}

TEST(NettracerMessages, Events) {
  ConnectionEvent event;
  event.connection = made_connection();
  const auto text = [&] {
    std::string out;
    append_nettracer_event(out, event);
    return out;
  };
  EXPECT_EQ(text(), "event connect 10.0.0.1:50000 -> 10.0.0.2:443 NS:4026531840 PID:1234");
  event.connection.role = ConnectionRole::kServer;
  event.connection.local = end_of("fd00::1", 80);
  event.connection.remote = end_of("fd00::2", 50000);
  EXPECT_EQ(text(), "event accept fd00::1:80 <- fd00::2:50000 NS:4026531840 PID:1234");
  event.kind = ConnectionEventKind::kClosed;
  EXPECT_EQ(text(), "event close fd00::1:80 -- fd00::2:50000 NS:4026531840 PID:1234");
  event.kind = ConnectionEventKind::kFailed;
  EXPECT_EQ(text(), "");
}

TEST(NettracerMessages, Failure) {
  ConnectionEvent event;
  event.connection = made_connection();
  event.kind = ConnectionEventKind::kFailed;
  event.reason = CloseReason::kRefused;
  std::string out;
  append_nettracer_failure(out, event);
  EXPECT_EQ(out, "failed 10.0.0.1:50000 -> 10.0.0.2:443 NS:4026531840 PID:1234: refused");
}

TEST(NettracerMessages, Numbers) {
  NettracerRow row = nettracer_row(made_connection());
  std::string out;
  append_nettracer_stats(out, row);
  EXPECT_EQ(out,
            "10.0.0.1:50000 -> 10.0.0.2:443 NS:4026531840 - stats: Bytes sent=1500 "
            "Bytes received=90000");
  row.role = ConnectionRole::kUnknown;
  row.counts.retransmissions = 2;
  out.clear();
  append_nettracer_tcp_stats(out, row);
  EXPECT_EQ(out,
            "10.0.0.1:50000 -- 10.0.0.2:443 NS:4026531840 - TCP stats: Retransmissions=2 "
            "Segs_in=70 Segs_out=12 RTT=250 RTT_var=125");
  out.clear();
  append_nettracer_sessions(out, 2, 1);
  EXPECT_EQ(out, "Number of passive tcp sessions: 2, active: 1");
}

}  // namespace
}  // namespace weir
