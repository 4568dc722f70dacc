// Translated expressions against libpcap's own interpreter, on packets made here. A datagram socket
// of the local domain runs them, and receives what they take. Needs CAP_BPF.
#include "kernel/classic_filter.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "base/fd.h"

// Both the kernel and libpcap have a bpf_insn.
#define bpf_insn pcap_bpf_insn
#include <pcap/pcap.h>
#undef bpf_insn

namespace weir {
namespace {

using Octets = std::vector<std::uint8_t>;

constexpr const char* kExpressions[] = {
    "",
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp port 53",
    "tcp port 80 or tcp port 443",
    "host 10.0.0.2",
    "src net 10.0.0.0/30 and not dst port 80",
    "dst host fd00::2 and tcp",
    "portrange 50-90",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
    "ip[6:2] & 0x1fff = 0 and not port 22",
    "ip[2:2] - 20 << 1 > 60",
    "ip[0] * 4 / 3 % 5 = 2",
    "ip[8] / (ip[9] - 6) = 1",
    "ip[1] % ip[9] = 0",
    "ip[4:2] << ip[1] > 4",
    "ip[4:2] >> ip[8] = 0",
    "ip[4:2] ^ ip[10:2] | 3 > 0x7fff",
    "-ip[4:2] > 100",
    "len > 64",
    "len - ip[2:2] = 14",
    "less 60 or greater 200",
    "ether host 02:02:02:02:02:02",
    "ether broadcast or ether multicast",
    "ether[12:2] > 0x0800",
    "ip[3000:4] = 1 or ip",
    "ip proto 17 and udp[8:2] = 0x7777",
    "icmp or icmp6",
    "ip6[6] = 6 and ip6[53] & 2 != 0",
    "tcp[2:2] = ip[2:2] or udp[4:2] < ip[2:2]",
};

Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Octets transport(std::uint16_t from, std::uint16_t to, std::uint8_t flags) {
  const auto high = [](unsigned v) { return static_cast<std::uint8_t>(v >> 8); };
  const auto low = [](unsigned v) { return static_cast<std::uint8_t>(v); };
  return Octets{high(from), low(from), high(to), low(to), 0, 28, 0, 1, 0, 0, 0, 9, 0x50, flags} +
         Octets{1, 0, 0, 0, 0, 0, 'G', 'E', 'T', ' ', '/', 0x77, 0x77, 0x77};
}

std::vector<Octets> packets() {
  std::vector<Octets> all;
  constexpr std::uint8_t kProtocols[] = {6, 17, 1};
  constexpr std::uint16_t kPorts[] = {53, 80, 40000};
  for (const std::uint8_t protocol : kProtocols) {
    for (const std::uint16_t port : kPorts) {
      const Octets inner = transport(port, 22, static_cast<std::uint8_t>(port));
      const Octets v4 = Octets{0x45, 0, 0, 54, 1, 2, 0, 0, 64, protocol, 0, 0} +
                        Octets{10, 0, 0, 1, 10, 0, 0, 2} + inner;
      Octets v6 = Octets{0x60, 0, 0, 0, 0, 34, protocol, 64} + Octets{0xfd} + Octets(14, 0);
      v6 = v6 + Octets{1, 0xfd} + Octets(14, 0) + Octets{2} + inner;
      all.push_back(Octets(12, 2) + Octets{8, 0} + v4);
      all.push_back(Octets(12, 0xff) + Octets{0x86, 0xdd} + v6);
      all.push_back(Octets(12, 2) + Octets{0x81, 0, 0, 7, 8, 0} + v4);
    }
  }
  all.push_back(Octets(12, 2) + Octets{8, 6} + Octets(28, 1));
  // Cut anywhere, and with any bytes changed.
  std::mt19937 random(7);
  const std::size_t whole = all.size();
  for (std::size_t i = 0; i < 400; ++i) {
    Octets packet = all[random() % whole];
    if (i % 2 == 0) packet.resize(1 + random() % packet.size());
    for (std::size_t changes = random() % 4; changes > 0; --changes) {
      packet[random() % packet.size()] = static_cast<std::uint8_t>(random());
    }
    if (i % 7 == 0) packet = packet + Octets(200, 3);
    all.push_back(packet);
  }
  return all;
}

class ClassicFilterTest : public testing::Test {
 protected:
  void SetUp() override {
    programs_ = Fd(bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "next", 4, 4, 1, nullptr));
    if (!programs_.valid()) GTEST_SKIP() << "SKIPPED: needs CAP_BPF";
  }

  // What the kernel makes of each packet, against the interpreter.
  void compare(bpf_program& classic, const std::string& name) {
    std::vector<sock_filter> program;
    for (unsigned i = 0; i < classic.bf_len; ++i) {
      const pcap_bpf_insn& one = classic.bf_insns[i];
      program.push_back({one.code, one.jt, one.jf, one.k});
    }
    const auto code = translate_classic(program, programs_.get(), 0);
    ASSERT_TRUE(code) << name << ": " << code.error().text();
    std::string log(1 << 16, 0);
    bpf_prog_load_opts options{};
    options.sz = sizeof options;
    options.log_buf = log.data();
    options.log_size = static_cast<std::uint32_t>(log.size());
    options.log_level = 1;
    const Fd loaded(bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "test", "GPL", code->data(),
                                  code->size(), &options));
    ASSERT_TRUE(loaded.valid()) << name << ": " << log.c_str();
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair.data()), 0);
    const Fd sender(pair[0]), receiver(pair[1]);
    const int fd = loaded.get();
    ASSERT_EQ(setsockopt(receiver.get(), SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof fd), 0);
    for (const Octets& packet : packets()) {
      pcap_pkthdr header{};
      header.caplen = header.len = static_cast<bpf_u_int32>(packet.size());
      const bool wanted = pcap_offline_filter(&classic, &header, packet.data()) != 0;
      ASSERT_GT(send(sender.get(), packet.data(), packet.size(), 0), 0);
      std::array<std::uint8_t, 512> got{};
      const auto received = recv(receiver.get(), got.data(), got.size(), MSG_DONTWAIT);
      ASSERT_EQ(received, wanted ? static_cast<ssize_t>(packet.size()) : -1)
          << name << " on " << testing::PrintToString(packet);
      ++(wanted ? taken_ : dropped_);
    }
  }

  Fd programs_;
  std::size_t taken_ = 0, dropped_ = 0;
};

TEST_F(ClassicFilterTest, ExpressionsMatchWhatLibpcapMatches) {
  for (const int link_type : {DLT_EN10MB, DLT_RAW}) {
    for (const bool optimise : {true, false}) {
      pcap_t* dead = pcap_open_dead(link_type, 65535);
      for (const char* expression : kExpressions) {
        bpf_program classic{};
        if (pcap_compile(dead, &classic, expression, optimise, PCAP_NETMASK_UNKNOWN) != 0) {
          EXPECT_EQ(link_type, DLT_RAW) << expression << ": " << pcap_geterr(dead);
          continue;
        }
        compare(classic, expression);
        pcap_freecode(&classic);
      }
      pcap_close(dead);
    }
  }
  EXPECT_GT(taken_, 1000U);
  EXPECT_GT(dropped_, 1000U);
}

TEST_F(ClassicFilterTest, EveryInstructionDoesWhatItDidBefore) {
  std::mt19937 random(11);
  constexpr std::uint16_t kOperations[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_OR,
                                           BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG};
  constexpr std::uint32_t kNumbers[] = {0, 1, 2, 13, 31, 32, 33, 255, 0x7fffffff, 0x80000000, ~0U};
  const auto number = [&] { return kNumbers[random() % std::size(kNumbers)]; };
  const auto code = [](int c) { return static_cast<u_short>(c); };
  for (int round = 0; round < 300; ++round) {
    const auto operation = kOperations[random() % std::size(kOperations)];
    const bool by_x = operation != BPF_NEG && random() % 2 == 0;
    std::uint32_t k = number();
    if (!by_x && (operation == BPF_DIV || operation == BPF_MOD) && k == 0) k = 3;
    // Farther shifts mean nothing to the kernel's classic machine, and libpcap leaves them to C.
    if (!by_x && (operation == BPF_LSH || operation == BPF_RSH)) k %= 32;
    const u_char jt = random() % 2 == 0 ? 0 : 1;
    constexpr int kTests[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
    std::vector<pcap_bpf_insn> program{
        {code(BPF_LD | BPF_IMM), 0, 0, number()},
        {code(BPF_ST), 0, 0, 5},
        {code(BPF_LDX | BPF_IMM), 0, 0, number()},
        {code(BPF_STX), 0, 0, 15},
        {code(BPF_LD | BPF_B | BPF_ABS), 0, 0, static_cast<std::uint32_t>(random() % 40)},
        {code(BPF_LDX | BPF_B | BPF_MSH), 0, 0, static_cast<std::uint32_t>(random() % 20)},
        {code(BPF_LD | BPF_H | BPF_IND), 0, 0, static_cast<std::uint32_t>(random() % 40)},
        {code(random() % 2 == 0 ? BPF_LDX | BPF_MEM : BPF_MISC | BPF_TAX), 0, 0, 15},
        {code(random() % 2 == 0 ? BPF_LD | BPF_MEM : BPF_MISC | BPF_TXA), 0, 0, 5},
        {code(BPF_ALU | operation | (by_x ? BPF_X : BPF_K)), 0, 0, k},
        {code(BPF_JMP | kTests[random() % 4] | (random() % 2 == 0 ? BPF_X : BPF_K)), jt,
         static_cast<u_char>(1 - jt), number()},
        {code(BPF_RET | BPF_K), 0, 0, 0},
        {code(BPF_RET | (random() % 2 == 0 ? BPF_A : BPF_K)), 0, 0, 1},
    };
    bpf_program classic{static_cast<u_int>(program.size()), program.data()};
    compare(classic, "round " + std::to_string(round));
    if (HasFatalFailure()) return;
  }
}

TEST_F(ClassicFilterTest, WhatItDoesNotKnowItRefuses) {
  const auto refuses = [&](sock_filter one) {
    const sock_filter program[] = {one, {BPF_RET | BPF_K, 0, 0, 1}};
    return !translate_classic(program, programs_.get(), 0);
  };
  EXPECT_TRUE(refuses({BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(SKF_AD_OFF)}));
  EXPECT_TRUE(refuses({BPF_JMP | BPF_JA, 0, 0, ~0U}));
  EXPECT_TRUE(refuses({BPF_JMP | BPF_JEQ | BPF_K, 9, 0, 1}));
  EXPECT_TRUE(refuses({BPF_LD | BPF_MEM, 0, 0, BPF_MEMWORDS}));
  EXPECT_TRUE(refuses({BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0}));
}

}  // namespace
}  // namespace weir
