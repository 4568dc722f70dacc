#include "packet/live_filter.h"

#include <gtest/gtest.h>
#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <numeric>

#include "base/fd.h"

namespace weir {
namespace {

constexpr std::uint32_t kSnap = 4096;

struct Seen {
  std::uint32_t interface = 1, hardware = ARPHRD_ETHER, direction = PACKET_HOST;
  std::vector<std::uint8_t> bytes = {};
};

// The part of the kernel's classic BPF that these programs use. Returns what is captured.
std::uint32_t run(const LiveFilter::Program& program, const Seen& seen) {
  std::uint32_t a = 0, x = 0;
  const auto load = [&](std::uint32_t at, std::size_t size, std::uint32_t& to) {
    if (at == static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_IFINDEX))
      return to = seen.interface, true;
    if (at == static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_HATYPE))
      return to = seen.hardware, true;
    if (at == static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE))
      return to = seen.direction, true;
    if (at > seen.bytes.size() || seen.bytes.size() - at < size) return false;
    to = 0;
    for (std::size_t i = 0; i < size; ++i) to = to << 8 | seen.bytes[at + i];
    return true;
  };
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const auto& op = program[pc];
    const std::size_t size = BPF_SIZE(op.code) == BPF_W ? 4 : BPF_SIZE(op.code) == BPF_H ? 2 : 1;
    const auto jump = [&](bool yes) { pc += yes ? op.jt : op.jf; };
    switch (op.code) {
      case BPF_LD | BPF_ABS | BPF_W:
      case BPF_LD | BPF_ABS | BPF_H:
      case BPF_LD | BPF_ABS | BPF_B:
        if (!load(op.k, size, a)) return 0;
        break;
      case BPF_LD | BPF_IND | BPF_H:
        if (!load(x + op.k, size, a)) return 0;
        break;
      case BPF_LDX | BPF_MSH | BPF_B:
        if (!load(op.k, 1, x)) return 0;
        x = (x & 15) * 4;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= op.k;
        break;
      case BPF_JMP | BPF_JA:
        pc += op.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(a == op.k);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jump(a > op.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(a >= op.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((a & op.k) != 0);
        break;
      case BPF_RET | BPF_K:
        return op.k;
      default:
        ADD_FAILURE() << "instruction " << op.code;
        return 0;
    }
  }
  ADD_FAILURE() << "ran off the end";
  return 0;
}

LiveFilter::Program program_of(const std::string& expression,
                               const std::optional<std::vector<std::uint32_t>>& interfaces = {}) {
  const auto filter = LiveFilter::compile(expression, kSnap);
  EXPECT_TRUE(filter) << filter.error().text();
  auto program = filter->program(interfaces);
  EXPECT_TRUE(program) << program.error().text();
  return *program;
}

std::vector<std::uint8_t> udp4(std::uint16_t port) {
  std::vector<std::uint8_t> bytes{0x45, 0, 0, 28, 0,  0, 0, 0, 64, 17, 0, 0,
                                  10,   0, 0, 1,  10, 0, 0, 2, 0,  9,  0, 0};
  bytes[22] = static_cast<std::uint8_t>(port >> 8);
  bytes[23] = static_cast<std::uint8_t>(port);
  bytes.resize(28);
  return bytes;
}

std::vector<std::uint8_t> framed(const std::vector<std::uint8_t>& packet) {
  std::vector<std::uint8_t> bytes(12, 2);
  bytes.insert(bytes.end(), {0x08, 0x00});
  bytes.insert(bytes.end(), packet.begin(), packet.end());
  return bytes;
}

// Whether the kernel takes it; any socket will do.
bool kernel_accepts(const LiveFilter::Program& program) {
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto copy = program;
  const sock_fprog request{static_cast<unsigned short>(copy.size()), copy.data()};
  return setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &request, sizeof request) == 0;
}

TEST(LiveFilterTest, WithoutAnExpressionAllIsCapturedUpToTheSnapLength) {
  const auto program = program_of("");
  EXPECT_TRUE(kernel_accepts(program));
  EXPECT_EQ(run(program, {.bytes = framed(udp4(53))}), kSnap);
  EXPECT_EQ(run(program, {.hardware = ARPHRD_NONE, .bytes = udp4(53)}), kSnap);
}

TEST(LiveFilterTest, WhatLoopbackSendsIsDropped) {
  const auto program = program_of("");
  EXPECT_EQ(run(program, {.hardware = ARPHRD_LOOPBACK, .direction = PACKET_OUTGOING}), 0U);
  EXPECT_EQ(run(program, {.hardware = ARPHRD_LOOPBACK, .direction = PACKET_HOST}), kSnap);
  EXPECT_EQ(run(program, {.hardware = ARPHRD_ETHER, .direction = PACKET_OUTGOING}), kSnap);
}

TEST(LiveFilterTest, TheExpressionHoldsWithAndWithoutLinkHeader) {
  const auto program = program_of("udp dst port 53");
  EXPECT_TRUE(kernel_accepts(program));
  for (const auto hardware : {1U, 772U}) {  // Ethernet, loopback
    EXPECT_EQ(run(program, {.hardware = hardware, .bytes = framed(udp4(53))}), kSnap);
    EXPECT_EQ(run(program, {.hardware = hardware, .bytes = framed(udp4(54))}), 0U);
  }
  for (const auto hardware : {65534U, 768U, 778U}) {  // tun, ipip, gre
    EXPECT_EQ(run(program, {.hardware = hardware, .bytes = udp4(53)}), kSnap);
    EXPECT_EQ(run(program, {.hardware = hardware, .bytes = udp4(54)}), 0U);
  }
}

TEST(LiveFilterTest, AnExpressionAboutEthernetMatchesNothingElsewhere) {
  const auto program = program_of("ether host 02:02:02:02:02:02");
  EXPECT_EQ(run(program, {.bytes = framed(udp4(53))}), kSnap);
  EXPECT_EQ(run(program, {.hardware = ARPHRD_NONE, .bytes = udp4(53)}), 0U);
}

TEST(LiveFilterTest, OnlyTheInterfacesGiven) {
  const std::vector<std::uint32_t> wanted{9, 2, 3, 4, 40, 41, 17};
  const auto program = program_of("", wanted);
  for (std::uint32_t index = 0; index < 60; ++index) {
    const bool is_wanted = std::find(wanted.begin(), wanted.end(), index) != wanted.end();
    EXPECT_EQ(run(program, {.interface = index}), is_wanted ? kSnap : 0U) << index;
  }
  const auto none = program_of("", std::vector<std::uint32_t>{});
  EXPECT_EQ(run(none, {.interface = 1}), 0U);
  EXPECT_TRUE(kernel_accepts(none));
}

TEST(LiveFilterTest, ManyInterfacesFitAndTooManyAreAnError) {
  std::vector<std::uint32_t> wanted(700);
  for (std::uint32_t i = 0; i < wanted.size(); ++i) wanted[i] = 10 + 2 * i;
  const auto program = program_of("tcp port 80 or udp port 53", wanted);
  EXPECT_TRUE(kernel_accepts(program));
  for (std::uint32_t index = 0; index < 1500; ++index) {
    const bool is_wanted = index >= 10 && index < 1410 && index % 2 == 0;
    EXPECT_EQ(run(program, {.interface = index, .bytes = framed(udp4(53))}),
              is_wanted ? kSnap : 0U);
  }
  wanted.resize(2000);
  for (std::uint32_t i = 0; i < wanted.size(); ++i) wanted[i] = 10 + 2 * i;
  const auto refused = LiveFilter::compile("", kSnap)->program(wanted);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("fewer interfaces"), std::string::npos);
  std::iota(wanted.begin(), wanted.end(), 10U);  // one range
  EXPECT_LT(program_of("", wanted).size(), 20U);
}

TEST(LiveFilterTest, ABadExpressionIsQuotedWithLibpcapsReason) {
  const auto refused = LiveFilter::compile("tcp prt 80", kSnap);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("'tcp prt 80'"), std::string::npos);
  EXPECT_NE(refused.error().text().find("syntax error"), std::string::npos);
}

TEST(LiveFilterTest, VlanIsRefused) {
  for (const char* expression : {"vlan", "vlan 100 and tcp", "tcp and (vlan)"}) {
    const auto refused = LiveFilter::compile(expression, kSnap);
    ASSERT_FALSE(refused) << expression;
    EXPECT_NE(refused.error().text().find("VLAN tags"), std::string::npos);
  }
}

TEST(LiveFilterTest, NothingLetsNothingThrough) {
  EXPECT_EQ(run(LiveFilter::nothing(), {.bytes = framed(udp4(53))}), 0U);
  EXPECT_TRUE(kernel_accepts(LiveFilter::nothing()));
}

}  // namespace
}  // namespace weir
