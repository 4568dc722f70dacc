// Copy verdicts as user space writes them and the capture filter reads them, by the kernel's own
// test run. Needs CAP_BPF.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "kernel/capture_program.h"
#include "live/made_frames.h"
#include "packet/copy_verdicts.h"

namespace weir {
namespace {

constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
constexpr std::uint32_t kWhole = 256 * 1024;

Endpoint endpoint4(End end) {
  const std::uint8_t address[] = {10, 0, 0, end.host};
  return {IpAddress::v4(address), static_cast<std::uint16_t>(end.port)};
}
Endpoint endpoint6(End end) {
  std::uint8_t address[16];
  std::memset(address, 0xfd, sizeof address);
  address[15] = end.host;
  return {IpAddress::v6(address), static_cast<std::uint16_t>(end.port)};
}

class CopyVerdictTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!load(false)) GTEST_SKIP() << "SKIPPED: needs CAP_BPF";
  }

  bool load(bool tunnels) {
    CaptureProgram::Settings settings;
    settings.follow_tunnels = tunnels;
    auto loaded = CaptureProgram::load(settings);
    if (!loaded) return false;
    program_ = std::move(*loaded);
    verdicts_ =
        std::make_unique<CopyVerdicts>(program_->verdicts(), program_->hash_seed(), tunnels);
    return true;
  }

  std::uint32_t copied(const Octets& frame) {
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    EXPECT_EQ(bpf_prog_test_run_opts(program_->filter(), &options), 0);
    return options.retval;
  }
  std::uint32_t copied4(std::uint32_t sequence, std::size_t payload, std::uint8_t flags = kAck,
                        End from = kServer, End to = kClient) {
    return copied(ethernet(0x0800, ipv4(from, to, 6, segment(from, to, sequence, flags, payload))));
  }

  CopyVerdicts::Name server4() const {
    return verdicts_->name(endpoint4(kServer), endpoint4(kClient), Transport::kTcp);
  }

  // Room for a link header, the IP and TCP headers.
  static constexpr std::uint32_t kHeaders4 = 64 + 20 + 40;

  std::unique_ptr<CaptureProgram> program_;
  std::unique_ptr<CopyVerdicts> verdicts_;
};

TEST_F(CopyVerdictTest, WithoutAVerdictAllIsCopied) {
  EXPECT_EQ(copied4(1000, 1000), kWhole);
  EXPECT_EQ(copied(ethernet(0x0806, Octets(28, 1))), kWhole);
}

TEST_F(CopyVerdictTest, BothFindTheSameSlotForEveryKindOfFlow) {
  for (const bool tunnels : {false, true}) {
    ASSERT_TRUE(load(tunnels));
    const auto udp4 =
        ethernet(0x0800, ipv4(kServer, kClient, 17, udp(kServer, kClient, Octets(50, 1))));
    EXPECT_EQ(copied(udp4), kWhole);
    verdicts_->tell(verdicts_->name(endpoint4(kServer), endpoint4(kClient), Transport::kUdp),
                    {.opaque = true});
    EXPECT_EQ(copied(udp4), 0U);
    EXPECT_EQ(copied4(0, 10), kWhole);  // TCP between the same ends
    const auto tagged = ethernet(
        0x8100, tag(7, 0x86dd, ipv6(kServer, kClient, 6, segment(kServer, kClient, 1, kAck, 100))));
    EXPECT_EQ(copied(tagged), kWhole);
    verdicts_->tell(verdicts_->name(endpoint6(kServer), endpoint6(kClient), Transport::kTcp),
                    {.opaque = true});
    EXPECT_EQ(copied(tagged), 0U);
    // The other direction is another.
    EXPECT_EQ(copied(ethernet(0x86dd,
                              ipv6(kClient, kServer, 6, segment(kClient, kServer, 1, kAck, 100)))),
              kWhole);
  }
}

TEST_F(CopyVerdictTest, ATunnelIsOneFlowOrManyAsItIsRead) {
  const auto frame = ethernet(
      0x0800, ipv4(kLeft, kRight, 17,
                   udp(kLeft, kRight,
                       vxlan(ethernet(0x0800, ipv4(kServer, kClient, 6,
                                                   segment(kServer, kClient, 1, kAck, 50)))))));
  for (const bool tunnels : {false, true}) {
    ASSERT_TRUE(load(tunnels));
    verdicts_->tell(verdicts_->name(endpoint4(kLeft), endpoint4(kRight), Transport::kUdp),
                    {.opaque = true});
    EXPECT_EQ(copied(frame), tunnels ? kWhole : 0U);
    verdicts_->tell(server4(), {.opaque = true});
    EXPECT_EQ(copied(frame), 0U);
  }
}

TEST_F(CopyVerdictTest, ASkipIsForWhatLiesWhollyInIt) {
  for (const std::uint32_t begin : {1000U, 0xffffff00U}) {  // also across the wrap
    verdicts_->tell(server4(), {.skip_end = begin + 100'000, .skip_bytes = 100'000});
    EXPECT_EQ(copied4(begin, 1400), kHeaders4);
    EXPECT_EQ(copied4(begin + 1400, 1400), kHeaders4);
    EXPECT_EQ(copied4(begin + 100'000 - 1400, 1400), kHeaders4);
    EXPECT_EQ(copied4(begin + 100'000 - 1400, 1401), kWhole);
    EXPECT_EQ(copied4(begin + 100'000, 1400), kWhole);
    EXPECT_EQ(copied4(begin - 1, 1400), kWhole);
    EXPECT_EQ(copied4(begin - 1'000'000, 1400), kWhole);
    EXPECT_EQ(copied4(begin, 40), kWhole);  // as short as its headers' room
    EXPECT_EQ(copied4(begin, 1400, kAck, kClient, kServer), kWhole);
  }
  verdicts_->forget(server4());
  EXPECT_EQ(copied4(0xffffff00U, 1400), kWhole);
}

TEST_F(CopyVerdictTest, ALimitIsForEveryPayload) {
  verdicts_->tell(server4(), {.skip_end = 101'000, .skip_bytes = 100'000, .limit = 512});
  EXPECT_EQ(copied4(5, 1400), kHeaders4 + 512);
  EXPECT_EQ(copied4(500'000, 1400), kHeaders4 + 512);
  EXPECT_EQ(copied4(2000, 1400), kHeaders4);
  EXPECT_EQ(copied4(5, 500), kWhole);
  const auto filtered = program_->filtered();
  EXPECT_EQ(filtered.shortened, 3U);
  EXPECT_EQ(filtered.opaque, 0U);
}

TEST_F(CopyVerdictTest, OfAnOpaqueConnectionTheEndIsShown) {
  verdicts_->tell(server4(), {.opaque = true});
  EXPECT_EQ(copied4(1, 1400), 0U);
  EXPECT_EQ(copied4(1, 0), 0U);
  EXPECT_EQ(copied4(1, 10, kAck | kFin), kWhole);
  EXPECT_EQ(copied4(1, 0, kRst), kWhole);
  EXPECT_EQ(copied4(1, 1400), 0U);
  EXPECT_EQ(program_->filtered().opaque, 3U);
}

TEST_F(CopyVerdictTest, WhatIsSaidOfAnEarlierConnectionDoesNotHold) {
  verdicts_->tell(server4(), {.opaque = true});  // its SYN was not seen
  EXPECT_EQ(copied4(2, 1400), 0U);
  EXPECT_EQ(copied4(0xf0000001, 0, kSyn), kWhole);
  EXPECT_EQ(copied4(0xf0000002, 1400), kWhole);
  verdicts_->tell(server4(), {.opaque = true, .birth = 0xf0000001});
  EXPECT_EQ(copied4(0xf0000001, 0, kSyn), kWhole);  // once more
  EXPECT_EQ(copied4(0xf0000002, 1400), 0U);
  EXPECT_EQ(copied4(3, 0, kSyn | kAck), kWhole);
  EXPECT_EQ(copied4(4, 1400), kWhole);
  // Late to hear of it.
  verdicts_->tell(server4(), {.opaque = true, .birth = 0xf0000001});
  EXPECT_EQ(copied4(4, 1400), kWhole);
  verdicts_->tell(server4(), {.opaque = true, .birth = 3});
  EXPECT_EQ(copied4(4, 1400), 0U);
}

TEST_F(CopyVerdictTest, AnotherFlowTakesTheSlotAndKeepsIt) {
  verdicts_->tell(server4(), {.opaque = true});
  const CopyVerdicts::Name other = server4() ^ (std::uint64_t{1} << 40);
  verdicts_->tell(other, {.opaque = true});
  EXPECT_EQ(copied4(1, 1400), kWhole);
  verdicts_->forget(server4());
  EXPECT_EQ(program_->verdicts()[other % COPY_VERDICT_SLOTS].key, other ^ COPY_VERDICT_OPAQUE);
}

TEST_F(CopyVerdictTest, ASlotSeenHalfWrittenHoldsForNone) {
  verdicts_->tell(server4(), {.skip_end = 101'000, .skip_bytes = 100'000});
  copy_verdict& slot = program_->verdicts()[server4() % COPY_VERDICT_SLOTS];
  const copy_verdict written = slot;
  slot.skip = std::uint64_t{900'000} << 32 | 100'000;
  EXPECT_EQ(copied4(2000, 1400), kWhole);
  EXPECT_EQ(copied4(850'000, 1400), kWhole);
  slot = written;
  slot.how = COPY_VERDICT_OPAQUE;
  EXPECT_EQ(copied4(2000, 1400), kWhole);
}

TEST_F(CopyVerdictTest, FragmentsAndWhatIsCutAreCopied) {
  verdicts_->tell(server4(), {.opaque = true});
  const auto inner = segment(kServer, kClient, 1, kAck, 200);
  EXPECT_EQ(copied(ethernet(0x0800, ipv4(kServer, kClient, 6, inner, 0x2000))), kWhole);
  EXPECT_EQ(copied(ethernet(0x0800, ipv4(kServer, kClient, 6, inner, 0x0007))), kWhole);
  const auto whole = ethernet(0x0800, ipv4(kServer, kClient, 6, inner));
  EXPECT_EQ(copied(whole), 0U);
  for (std::size_t size = 34; size < 34 + 14; ++size) {
    EXPECT_EQ(copied(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
              kWhole);
  }
}

TEST_F(CopyVerdictTest, OptionsMoveThePayload) {
  verdicts_->tell(server4(), {.limit = 512});
  const auto inner = segment(kServer, kClient, 1, kAck, 1400);
  EXPECT_EQ(copied(ethernet(0x0800, ipv4(kServer, kClient, 6, inner, 0, 12))),
            kHeaders4 + 12 + 512);
}

TEST_F(CopyVerdictTest, SparedServersAreRememberedForAWhile) {
  const Endpoint server = endpoint4(kServer);
  EXPECT_FALSE(verdicts_->spared(server, 5));
  verdicts_->spare(server, 5);
  EXPECT_TRUE(verdicts_->spared(server, 5 + CopyVerdicts::kSpared - 1));
  EXPECT_FALSE(verdicts_->spared(server, 5 + CopyVerdicts::kSpared));
  EXPECT_FALSE(verdicts_->spared(endpoint4(kClient), 5));
}

}  // namespace
}  // namespace weir
