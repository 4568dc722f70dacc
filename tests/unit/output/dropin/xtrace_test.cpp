#include "output/dropin/xtrace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "unit/output/made_flow.h"

namespace weir {
namespace {

constexpr XtraceForm kTotals{};
constexpr XtraceForm kRates{.rates = true};

std::string line_of(const FlowSample& flow, XtraceForm form = kTotals,
                    std::string_view host_ip = "192.168.1.10") {
  std::string out;
  append_xtrace_line(out, flow, form, host_ip);
  return out;
}

FlowSample roce_v2() {
  FlowSample flow = made_flow("192.168.1.10", 45678, "192.168.1.20", 4791);
  flow.type = TrafficType::kRoceV2;
  flow.protocol = 17;
  return flow;
}

FlowSample roce_v1(const char* source, const char* destination) {
  FlowSample flow = made_flow(source, 0, destination, 0);
  flow.type = TrafficType::kRoceV1;
  flow.addresses = FlowAddresses::kGid;
  flow.protocol = 0;
  return flow;
}

TEST(XtraceLine, AsDocumented) {
  EXPECT_EQ(line_of(made_flow()),
            "192.168.1.30:80 -> 192.168.1.40:50234 proto=6 [TCP] packets=100 bytes=65536 "
            "host_ip=192.168.1.10");
  EXPECT_EQ(line_of(roce_v2()),
            "192.168.1.10:45678 -> 192.168.1.20:4791 proto=254 [RoCE v2] packets=100 bytes=65536 "
            "host_ip=192.168.1.10");
  EXPECT_EQ(line_of(roce_v2(), {.rates = false, .roce_v2_as_udp = true}),
            "192.168.1.10:45678 -> 192.168.1.20:4791 proto=17 [RoCE v2/UDP] packets=100 "
            "bytes=65536 host_ip=192.168.1.10");
  EXPECT_EQ(line_of(roce_v1("10.0.0.1", "10.0.0.2")),
            "10.0.0.1:0 -> 10.0.0.2:0 proto=21 [RoCE v1/IBoE] packets=100 bytes=65536 "
            "host_ip=192.168.1.10");
}

TEST(XtraceLine, OfEveryType) {
  FlowSample flow = made_flow();
  flow.type = TrafficType::kUdp;
  flow.protocol = 17;
  EXPECT_NE(line_of(flow).find(" proto=17 [UDP] packets="), std::string::npos);
  flow.type = TrafficType::kInfiniband;
  EXPECT_NE(line_of(flow).find(" proto=20 [InfiniBand] packets="), std::string::npos);
  flow.type = TrafficType::kOther;
  flow.protocol = 1;
  EXPECT_NE(line_of(flow).find(" proto=1 packets="), std::string::npos);
  EXPECT_NE(line_of(flow, kRates).find(" proto=1 [Other] packets="), std::string::npos);
  // IP has protocols of these numbers, too: they are not RDMA.
  flow.protocol = 254;
  EXPECT_NE(line_of(flow).find(" proto=254 packets="), std::string::npos);
}

TEST(XtraceLine, Ipv6AndGidsInBrackets) {
  EXPECT_TRUE(line_of(made_flow("2001:db8::1", 443, "fe80::2", 50234))
                  .starts_with("[2001:db8::1]:443 -> [fe80::2]:50234 proto=6 "));
  EXPECT_TRUE(line_of(roce_v1("fe80::200:ff:fe00:1", "10.0.0.2"))
                  .starts_with("[fe80::200:ff:fe00:1]:0 -> 10.0.0.2:0 proto=21 "));
  EXPECT_TRUE(line_of(made_flow(), kTotals, "2001:db8::1").ends_with(" host_ip=2001:db8::1"));
}

TEST(XtraceLine, WithRates) {
  FlowSample flow = made_flow("1.2.3.4", 80, "5.6.7.8", 5000);
  flow.interval_ns = kSecond / 2;
  EXPECT_EQ(line_of(flow, kRates, "10.0.0.5"),
            "[eth0] 1.2.3.4:80 -> 5.6.7.8:5000 proto=6 [TCP] packets=10 bytes=1000 (0.00 MB/s, "
            "0.02 Mbps) host_ip=10.0.0.5");
  flow.in_interval.wire_bytes = 1 << 20;
  EXPECT_NE(line_of(flow, kRates).find(" (2.00 MB/s, 16.78 Mbps) "), std::string::npos);
  flow.interval_ns = 0;
  EXPECT_NE(line_of(flow, kRates).find(" (0.00 MB/s, 0.00 Mbps) "), std::string::npos);
  flow.interface = "a\x1b]";
  EXPECT_TRUE(line_of(flow, kRates).starts_with("[a\\x1b]] 1.2.3.4:80 ")) << line_of(flow, kRates);
}

TEST(XtraceLine, OnlyOfWhatHasAddresses) {
  EXPECT_TRUE(is_shown_by_xtrace(made_flow()));
  EXPECT_TRUE(is_shown_by_xtrace(made_flow("0.0.0.0", 68, "255.255.255.255", 67)));
  EXPECT_TRUE(is_shown_by_xtrace(made_flow("::", 0, "ff02::1:ff00:1", 0)));
  EXPECT_FALSE(is_shown_by_xtrace(made_flow("0.0.0.0", 1, "0.0.0.0", 2)));
  EXPECT_FALSE(is_shown_by_xtrace(made_flow("::", 1, "::", 2)));
  EXPECT_FALSE(is_shown_by_xtrace(made_frame(0x0806)));
  EXPECT_FALSE(is_shown_by_xtrace(made_frame(0x8914)));
}

std::string lines_of(const std::vector<FlowSample>& flows, XtraceForm form) {
  int pipe[2];
  EXPECT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  {
    RecordQueue queue({.fd = pipe[1]});
    XtraceLines lines(queue.lines(), form,
                      [](std::uint32_t index) { return index == 2 ? "10.0.0.5" : "unknown"; });
    for (const FlowSample& flow : flows) lines.on(flow);
    lines.flush();
    EXPECT_TRUE(queue.finish(std::chrono::milliseconds(500)));
  }
  close(pipe[1]);
  std::string text(4096, '\0');
  const ssize_t size = read(pipe[0], text.data(), text.size());
  close(pipe[0]);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

TEST(XtraceLines, WriteWhatIsShownWithTheHostOfItsInterface) {
  FlowSample other = made_flow("10.0.0.1", 1, "10.0.0.2", 2);
  other.interface_index = 3;
  FlowSample silent = made_flow("10.0.0.3", 1, "10.0.0.4", 2);
  silent.in_interval = {};
  const std::vector<FlowSample> flows = {made_flow(), made_frame(0x0806), other, silent};
  EXPECT_EQ(lines_of(flows, kTotals),
            "192.168.1.30:80 -> 192.168.1.40:50234 proto=6 [TCP] packets=100 bytes=65536 "
            "host_ip=10.0.0.5\n"
            "10.0.0.1:1 -> 10.0.0.2:2 proto=6 [TCP] packets=100 bytes=65536 host_ip=unknown\n"
            "10.0.0.3:1 -> 10.0.0.4:2 proto=6 [TCP] packets=100 bytes=65536 host_ip=10.0.0.5\n");
  EXPECT_EQ(lines_of({silent, other}, kRates),
            "[eth0] 10.0.0.1:1 -> 10.0.0.2:2 proto=6 [TCP] packets=10 bytes=1000 (0.00 MB/s, "
            "0.00 Mbps) host_ip=unknown\n");
}

}  // namespace
}  // namespace weir
