// The steering program on packets made here, run by the kernel's own test run. Needs CAP_BPF.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <set>
#include <string>

#include "kernel/capture_program.h"
#include "live/made_frames.h"

namespace weir {
namespace {

class SteeringTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = CaptureProgram::load({});
    if (!loaded) GTEST_SKIP() << "SKIPPED: " << loaded.error().text();
    program_ = std::move(*loaded);
  }

  std::uint32_t steer(const Octets& frame) {
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    EXPECT_EQ(bpf_prog_test_run_opts(program_->steering(), &options), 0);
    return options.retval;
  }

  // `frame` makes the Ethernet frame of one direction.
  template <class Frame>
  void expect_both_ways_as_plain(Frame frame, std::uint32_t plain) {
    EXPECT_EQ(steer(frame(kClient, kServer, kLeft, kRight)), plain);
    EXPECT_EQ(steer(frame(kServer, kClient, End{202, 52000}, End{201, 4789})), plain);
  }

  std::uint32_t plain4() { return steer(ethernet(0x0800, connection4(kClient, kServer))); }
  std::uint32_t plain6() { return steer(ethernet(0x86dd, connection6(kClient, kServer))); }

  std::unique_ptr<CaptureProgram> program_;
};

TEST_F(SteeringTest, BothDirectionsAgree) {
  EXPECT_EQ(plain4(), steer(ethernet(0x0800, connection4(kServer, kClient))));
  EXPECT_EQ(plain6(), steer(ethernet(0x86dd, connection6(kServer, kClient))));
  EXPECT_NE(plain4(), plain6());
}

TEST_F(SteeringTest, ConnectionsSpread) {
  std::vector<int> share(4);
  for (unsigned port = 30000; port < 34000; ++port) {
    ++share[steer(ethernet(0x0800, connection4({1, port}, kServer))) % 4];
  }
  for (const int count : share) EXPECT_NEAR(count, 1000, 120);
}

TEST_F(SteeringTest, TagsAndOptionsChangeNothing) {
  expect_both_ways_as_plain(
      [](End a, End b, End, End) {
        return ethernet(0x88a8, tag(7, 0x8100, tag(100, 0x0800, connection4(a, b))));
      },
      plain4());
  expect_both_ways_as_plain(
      [](End a, End b, End, End) {
        return ethernet(0x0800, ipv4(a, b, 6, tcp(a, b), 0x4000, a.host == 1 ? 8 : 0));
      },
      plain4());
}

TEST_F(SteeringTest, VxlanAndGeneve) {
  expect_both_ways_as_plain(
      [](End a, End b, End l, End r) {
        const auto inner = ethernet(0x8100, tag(5, 0x0800, connection4(a, b)));
        return ethernet(0x0800, ipv4(l, r, 17, udp(l, r, vxlan(inner))));
      },
      plain4());
  expect_both_ways_as_plain(
      [](End a, End b, End l, End r) {
        r.port = 8472;
        return ethernet(0x86dd,
                        ipv6(l, r, 17, udp(l, r, vxlan(ethernet(0x86dd, connection6(a, b))))));
      },
      plain6());
  for (const bool transparent : {true, false}) {
    expect_both_ways_as_plain(
        [&](End a, End b, End l, End r) {
          r.port = 6081;
          const auto inner = connection4(a, b);
          const auto payload =
              transparent ? geneve(0x6558, ethernet(0x0800, inner)) : geneve(0x0800, inner);
          return ethernet(0x0800, ipv4(l, r, 17, udp(l, r, payload)));
        },
        plain4());
  }
}

TEST_F(SteeringTest, IpInIpAndGre) {
  const auto in4 = [](std::uint8_t protocol, auto inner) {
    return [=](End a, End b, End l, End r) {
      return ethernet(0x0800, ipv4(l, r, protocol, inner(a, b)));
    };
  };
  const auto in6 = [](std::uint8_t protocol, auto inner) {
    return [=](End a, End b, End l, End r) {
      return ethernet(0x86dd, ipv6(l, r, protocol, inner(a, b)));
    };
  };
  expect_both_ways_as_plain(in4(4, connection4), plain4());
  expect_both_ways_as_plain(in4(41, connection6), plain6());
  expect_both_ways_as_plain(in6(4, connection4), plain4());
  expect_both_ways_as_plain(in6(41, connection6), plain6());
  for (const unsigned flags : {0x0000U, 0x2000U, 0xb000U}) {
    expect_both_ways_as_plain(
        in4(47, [&](End a, End b) { return gre(flags, 0x0800, connection4(a, b)); }), plain4());
  }
  expect_both_ways_as_plain(
      in6(47, [](End a, End b) { return gre(0, 0x6558, ethernet(0x86dd, connection6(a, b))); }),
      plain6());
}

TEST_F(SteeringTest, ATunnelInATunnel) {
  expect_both_ways_as_plain(
      [](End a, End b, End l, End r) {
        const auto inner = ipv4({9, 0}, {8, 0}, 4, connection4(a, b));
        return ethernet(0x0800, ipv4(l, r, 17, udp(l, r, vxlan(ethernet(0x0800, inner)))));
      },
      plain4());
}

TEST_F(SteeringTest, Ipv6ExtensionHeaders) {
  expect_both_ways_as_plain(
      [](End a, End b, End, End) {
        const Octets hop{60, 0, 1, 4, 0, 0, 0, 0};
        const Octets options{44, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        const Octets atomic{6, 0, 0, 0, 1, 2, 3, a.host};
        return ethernet(0x86dd, ipv6(a, b, 0, hop + options + atomic + tcp(a, b)));
      },
      plain6());
}

TEST_F(SteeringTest, FragmentsOfADatagramStayTogether) {
  const Octets rest(64, 0x77);
  const auto first =
      steer(ethernet(0x0800, ipv4(kClient, kServer, 17, udp(kClient, kServer, rest), 0x2000)));
  EXPECT_EQ(first, steer(ethernet(0x0800, ipv4(kClient, kServer, 17, rest, 0x2005))));
  EXPECT_EQ(first, steer(ethernet(0x0800, ipv4(kClient, kServer, 17, rest, 0x0010))));
  EXPECT_EQ(first, steer(ethernet(0x0800, ipv4(kServer, kClient, 17, rest, 0x0010))));
  const auto fragment6 = [&](unsigned offset, const Octets& payload) {
    return steer(ethernet(
        0x86dd, ipv6(kClient, kServer, 44, Octets{17, 0} + be16(offset) + Octets(4, 1) + payload)));
  };
  EXPECT_EQ(fragment6(1, udp(kClient, kServer, rest)), fragment6(64, rest));
}

TEST_F(SteeringTest, WhatOnlyLooksLikeATunnelIsTheOuterFlow) {
  const End left{201, 51000}, right{202, 4789};
  const auto outer = [&](const Octets& payload) {
    return steer(ethernet(0x0800, ipv4(left, right, 17, udp(left, right, payload))));
  };
  const auto nothing = outer({});
  EXPECT_EQ(outer(Octets(100, 0)), nothing);                             // no valid identifier
  EXPECT_EQ(outer(vxlan(ethernet(0x0806, Octets(28, 1)))), nothing);     // ARP inside
  EXPECT_EQ(outer(vxlan(ethernet(0x0800, Octets(10, 0x45)))), nothing);  // cut off
  EXPECT_EQ(steer(ethernet(0x0806, Octets(28, 1))), 0U);
}

TEST_F(SteeringTest, EveryTruncationEnds) {
  const auto whole = ethernet(
      0x0800, ipv4(kLeft, kRight, 17,
                   udp(kLeft, kRight, vxlan(ethernet(0x86dd, connection6(kClient, kServer))))));
  std::set<std::uint32_t> results;
  // The test run refuses packets that end before their IPv4 addresses.
  for (std::size_t size = 34; size <= whole.size(); ++size) {
    results.insert(steer(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  // Outer addresses, outer ports, inner addresses, inner ports.
  EXPECT_EQ(results.size(), 4U);
}

}  // namespace
}  // namespace weir
