// The program that sees drops, on datagrams to a closed port over loopback. Needs root.
#include "kernel/drop_program.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "live/own_namespace.h"

namespace weir {
namespace {

class DropProgramTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ready_ = enter_own_namespace(); }
  void SetUp() override {
    if (!ready_) GTEST_SKIP() << "SKIPPED: needs root, for a network namespace";
  }
  void load(const DropProgramOptions& options) {
    auto loaded = DropProgram::load(options);
    ASSERT_TRUE(loaded) << loaded.error().text();
    program_ = std::move(*loaded);
  }

  static std::uint32_t own_namespace() {
    struct stat status{};
    return stat("/proc/self/ns/net", &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
  }
  // Each from a socket of its own, so that no error of one stops the next.
  static void send_to_closed(std::uint16_t first_port, int ports, int each) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    for (int port = 0; port < ports; ++port) {
      to.sin_port = htons(static_cast<std::uint16_t>(first_port + port));
      const Fd fd(socket(AF_INET, SOCK_DGRAM, 0));
      for (int i = 0; i < each; ++i) {
        ASSERT_EQ(sendto(fd.get(), "abcd", 4, 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 4);
      }
    }
  }
  struct Taken {
    std::uint64_t packets = 0, bytes = 0, rest = 0;
    std::set<std::uint16_t> ports;
  };
  // Of this namespace, for want of a socket.
  Taken take() {
    Taken taken;
    const auto is_ours = [&](const drop_key& key) {
      return key.network_namespace == own_namespace() &&
             program_->reason_name(key.reason) == "NO_SOCKET";
    };
    EXPECT_TRUE(program_->take(
        [&](const drop_key& key, const drop_count& count) {
          if (!is_ours(key)) return;
          EXPECT_EQ(program_->function_name(key.location), "__udp4_lib_rcv");
          EXPECT_STREQ(count.interface, "lo");
          EXPECT_LE(count.first, count.last);
          taken.packets += count.packets;
          taken.bytes += count.bytes;
          taken.ports.insert(ntohs(key.flow.destination_port));
        },
        [&](const drop_key& key, const drop_rest& rest) {
          if (is_ours(key)) taken.rest += rest.packets;
        }));
    return taken;
  }

  static inline bool ready_ = false;
  std::unique_ptr<DropProgram> program_;
};

TEST_F(DropProgramTest, CountsEachDropOnce) {
  load({});
  send_to_closed(7000, 3, 5);
  const Taken first = take();
  EXPECT_EQ(first.packets, 15U);
  EXPECT_EQ(first.ports, (std::set<std::uint16_t>{7000, 7001, 7002}));
  EXPECT_EQ(first.bytes, 15U * (20 + 8 + 4));
  EXPECT_EQ(take().packets, 0U);
  send_to_closed(7001, 1, 4);
  EXPECT_EQ(take().packets, 4U);
}

TEST_F(DropProgramTest, WhatFindsNoRoomIsCountedWithoutItsFlow) {
  load({.flows = 64});
  send_to_closed(10000, 500, 1);
  const Taken taken = take();
  EXPECT_EQ(taken.packets + taken.rest, 500U);
  EXPECT_GT(taken.rest, 0U);
}

TEST_F(DropProgramTest, NoiseIsCountedAndNotTold) {
  load({.noise = {"NO_SOCKET"}});
  send_to_closed(7000, 1, 6);
  EXPECT_EQ(take().packets, 0U);
  EXPECT_GE(program_->totals()[DROP_TOTAL_NOISE], 6U);
}

TEST_F(DropProgramTest, TellsSinglePackets) {
  load({.event_spacing_ns = 0});
  send_to_closed(7000, 1, 3);
  int seen = 0;
  program_->take_events([&](const drop_event& event) {
    if (event.key.network_namespace != own_namespace()) return;
    if (program_->reason_name(event.key.reason) != "NO_SOCKET") return;
    ++seen;
    EXPECT_EQ(ntohs(event.key.flow.destination_port), 7000);
    EXPECT_EQ(event.length, 32U);
    EXPECT_EQ(event.ttl, 64);
    EXPECT_EQ(event.ether_type, 0x0800);
    EXPECT_STREQ(event.interface, "lo");
  });
  EXPECT_EQ(seen, 3);
}

TEST_F(DropProgramTest, SinglePacketsAreLimited) {
  load({.event_spacing_ns = 3'600'000'000'000});
  send_to_closed(7000, 1, 200);
  std::uint64_t seen = program_->take_events([](const drop_event&) {});
  EXPECT_GT(seen, 0U);
  EXPECT_LE(seen, static_cast<std::uint64_t>(sysconf(_SC_NPROCESSORS_CONF)));
  EXPECT_GE(program_->totals()[DROP_TOTAL_EVENTS_LIMITED] + seen, 200U);
}

TEST_F(DropProgramTest, TotalsBalance) {
  load({});
  send_to_closed(7000, 10, 10);
  take();
  const auto totals = program_->totals();
  EXPECT_EQ(totals[DROP_TOTAL_SEEN], totals[DROP_TOTAL_CONSUMED] + totals[DROP_TOTAL_NOISE] +
                                         totals[DROP_TOTAL_LOCAL] + totals[DROP_TOTAL_KEPT] +
                                         totals[DROP_TOTAL_REST] + totals[DROP_TOTAL_LOST]);
  EXPECT_GE(totals[DROP_TOTAL_KEPT], 100U);
}

TEST_F(DropProgramTest, ReasonsWithoutNameAreNumbers) {
  load({});
  EXPECT_EQ(program_->reason_name(63 << 16 | 5), "REASON_63_5");
  EXPECT_EQ(program_->reason_name(0xfff0), "REASON_0_65520");
}

}  // namespace
}  // namespace weir
