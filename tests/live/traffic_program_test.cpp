// The programs that count traffic on packets made here, by the kernel's own test run. Needs root.
#include "kernel/traffic_program.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include "live/own_namespace.h"

namespace weir {
namespace {

constexpr std::uint32_t kLoopback = 1;

class TrafficProgramTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ready_ = enter_own_namespace(); }
  void SetUp() override {
    if (!ready_) GTEST_SKIP() << "SKIPPED: needs root, for a network namespace";
    auto loaded = TrafficProgram::load(2);
    ASSERT_TRUE(loaded) << loaded.error().text();
    program_ = std::move(*loaded);
  }

  // A frame of `bytes` that crosses `ifindex`.
  void cross(std::uint32_t ifindex, traffic_direction direction, std::size_t bytes,
             std::uint32_t gso_size = 0, std::uint32_t gso_segs = 0) {
    std::vector<std::uint8_t> frame(bytes, 0);
    frame[12] = 0x08;
    __sk_buff context{};
    context.ifindex = ifindex;
    context.gso_size = gso_size;
    context.gso_segs = gso_segs;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()), .ctx_in = &context,
                .ctx_size_in = sizeof context);
    ASSERT_EQ(bpf_prog_test_run_opts(program_->fd(direction), &options), 0);
    EXPECT_EQ(static_cast<std::int32_t>(options.retval), -1) << "the next program's turn";
  }

  static bool ready_;
  std::unique_ptr<TrafficProgram> program_;
};
bool TrafficProgramTest::ready_ = false;

TEST_F(TrafficProgramTest, DirectionsAreApart) {
  ASSERT_TRUE(program_->add(kLoopback));
  cross(kLoopback, TRAFFIC_INGRESS, 60);
  cross(kLoopback, TRAFFIC_INGRESS, 100);
  cross(kLoopback, TRAFFIC_EGRESS, 1514);
  const TrafficCounts in = program_->read(kLoopback, TRAFFIC_INGRESS);
  const TrafficCounts out = program_->read(kLoopback, TRAFFIC_EGRESS);
  EXPECT_EQ(in.frames, 2U);
  EXPECT_EQ(in.bytes, 160U);
  EXPECT_EQ(in.wire_packets, 2U);
  EXPECT_EQ(in.wire_bytes, 160U);
  EXPECT_EQ(out.frames, 1U);
  EXPECT_EQ(out.bytes, 1514U);
}

TEST_F(TrafficProgramTest, WhatIsNotAddedIsNotCounted) {
  cross(kLoopback, TRAFFIC_INGRESS, 60);
  ASSERT_TRUE(program_->add(kLoopback));
  EXPECT_EQ(program_->read(kLoopback, TRAFFIC_INGRESS).frames, 0U);
  cross(kLoopback, TRAFFIC_INGRESS, 60);
  program_->remove(kLoopback);
  cross(kLoopback, TRAFFIC_INGRESS, 60);
  EXPECT_EQ(program_->read(kLoopback, TRAFFIC_INGRESS).frames, 0U);
}

TEST_F(TrafficProgramTest, InterfacesWithOnePlaceAreApart) {
  // Their indexes differ by the number of places.
  const std::uint32_t va = index_of("va"), other = va + TrafficProgram::kMinPlaces;
  ASSERT_TRUE(program_->add(other));
  ASSERT_TRUE(program_->add(va));
  ASSERT_TRUE(program_->add(kLoopback));
  cross(va, TRAFFIC_EGRESS, 60);
  cross(kLoopback, TRAFFIC_EGRESS, 70);
  EXPECT_EQ(program_->read(other, TRAFFIC_EGRESS).frames, 0U);
  EXPECT_EQ(program_->read(va, TRAFFIC_EGRESS).bytes, 60U);
  EXPECT_EQ(program_->read(kLoopback, TRAFFIC_EGRESS).bytes, 70U);
  program_->remove(va);
  ASSERT_TRUE(program_->add(va)) << "its place is free again";
  EXPECT_EQ(program_->read(va, TRAFFIC_EGRESS).frames, 0U);
}

TEST_F(TrafficProgramTest, FullIsSaid) {
  for (std::uint32_t i = 0; i < TrafficProgram::kMinPlaces; ++i) {
    ASSERT_TRUE(program_->add(5000 + 3 * i)) << i;
  }
  const auto refused = program_->add(1);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("1024"), std::string::npos);
  program_->remove(5000);
  EXPECT_TRUE(program_->add(1));
}

}  // namespace
}  // namespace weir
