#include "lens/copy_policy.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace weir {
namespace {

constexpr std::uint64_t kSeed = 77;
constexpr std::uint32_t kBirth = 4711;

class CopyPolicyTest : public testing::Test {
 protected:
  CopyPolicyTest() { key_ = FlowKey(client_, server_, Transport::kTcp, client_side_); }

  // What the kernel would read for the server's direction.
  std::optional<CopyVerdicts::Verdict> verdict() const {
    const auto name = verdicts_.name(server_, client_, Transport::kTcp);
    const copy_verdict& slot = slots_[name % COPY_VERDICT_SLOTS];
    if ((slot.key ^ slot.skip ^ slot.how) != name) return std::nullopt;
    return CopyVerdicts::Verdict{
        static_cast<std::uint32_t>(slot.skip >> 32), static_cast<std::uint32_t>(slot.skip),
        static_cast<std::uint32_t>(slot.how), (slot.how & COPY_VERDICT_OPAQUE) != 0,
        static_cast<std::uint32_t>(slot.how >> COPY_VERDICT_BIRTH_SHIFT)};
  }
  void piece(CopyPolicy& policy, std::uint64_t length, std::uint64_t needed,
             std::uint64_t skip = 0) {
    sequence_ += static_cast<std::uint32_t>(length);
    policy.on_piece(verdicts_, key_, opposite(client_side_), server_,
                    {length, needed, skip, sequence_, kBirth, now_});
  }
  void learn(CopyPolicy& policy) {
    for (int i = 0; i < CopyPolicy::kStreak; ++i) piece(policy, 65'000, 300);
  }

  Endpoint client_{{}, 40000}, server_{{}, 80};
  Side client_side_ = Side::kA;
  FlowKey key_{client_, server_, Transport::kTcp, client_side_};
  std::vector<copy_verdict> slots_ = std::vector<copy_verdict>(COPY_VERDICT_SLOTS);
  CopyVerdicts verdicts_{slots_, kSeed, false};
  CopyPolicy policy_;
  std::uint32_t sequence_ = 0xffff0000;
  Nanos now_ = kSecond;
};

TEST_F(CopyPolicyTest, ALongRestIsToldAndForgottenWhenItHasPassed) {
  piece(policy_, 1400, 1400, CopyPolicy::kWorthBytes - 1);
  EXPECT_FALSE(verdict());
  piece(policy_, 1400, 1400, 100'000);
  ASSERT_TRUE(verdict());
  EXPECT_EQ(verdict()->skip_end, sequence_ + 100'000);
  EXPECT_EQ(verdict()->skip_bytes, 100'000U);
  EXPECT_EQ(verdict()->birth, kBirth);
  const auto end = verdict()->skip_end;
  piece(policy_, 60'000, 0, 40'000);
  ASSERT_TRUE(verdict());
  EXPECT_EQ(verdict()->skip_end, end);
  piece(policy_, 40'000, 0, 0);
  EXPECT_EQ(sequence_, end);
  EXPECT_FALSE(verdict());
}

TEST_F(CopyPolicyTest, ARestIsLeftAndAnotherOneFollowsInOnePiece) {
  piece(policy_, 1400, 1400, 100'000);
  piece(policy_, 120'000, 101'000, 300'000);
  ASSERT_TRUE(verdict());
  EXPECT_EQ(verdict()->skip_end, sequence_ + 300'000);
  EXPECT_EQ(verdict()->skip_bytes, 300'000U);
}

TEST_F(CopyPolicyTest, AnEndlessRestIsToldAnewLongBeforeNumbersWrap) {
  std::uint64_t left = std::uint64_t{1} << 40;
  piece(policy_, 1400, 1400, left);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(verdict());
    const std::uint32_t ahead = verdict()->skip_end - sequence_;
    EXPECT_GT(ahead, 400U << 20);
    EXPECT_LE(ahead, 1U << 30);
    EXPECT_EQ(verdict()->skip_bytes, 1U << 30);
    left -= 100 << 20;
    piece(policy_, 100 << 20, 0, left);
  }
}

TEST_F(CopyPolicyTest, WhatIsLessThanToldIsToldAnew) {
  piece(policy_, 1400, 1400, 900'000'000);
  piece(policy_, 1400, 1400, 200'000);
  ASSERT_TRUE(verdict());
  EXPECT_EQ(verdict()->skip_end, sequence_ + 200'000);
}

TEST_F(CopyPolicyTest, AStreakIsALimit) {
  for (int i = 0; i < CopyPolicy::kStreak - 1; ++i) piece(policy_, 65'000, 300);
  piece(policy_, 1000, 1000);  // short ones do not count
  EXPECT_FALSE(verdict());
  piece(policy_, 65'000, CopyPolicy::kLimitBytes);
  ASSERT_TRUE(verdict());
  EXPECT_EQ(verdict()->limit, CopyPolicy::kLimitBytes);
  piece(policy_, 65'000, 300, 100'000);
  EXPECT_EQ(verdict()->limit, CopyPolicy::kLimitBytes);
  EXPECT_EQ(verdict()->skip_bytes, 100'000U);
  piece(policy_, 100'000, 0);
  EXPECT_EQ(verdict()->limit, CopyPolicy::kLimitBytes);
  EXPECT_EQ(verdict()->skip_bytes, 0U);
}

TEST_F(CopyPolicyTest, OneThatWasNeededBreaksTheStreak) {
  for (int i = 0; i < 5 * CopyPolicy::kStreak; ++i) {
    piece(policy_, 65'000, i % 10 == 9 ? CopyPolicy::kLimitBytes + 1 : 300);
  }
  EXPECT_FALSE(verdict());
}

TEST_F(CopyPolicyTest, AWrongGuessIsMadeOnceForAServer) {
  learn(policy_);
  ASSERT_TRUE(verdict());
  policy_.on_missed(verdicts_, server_, now_);
  EXPECT_FALSE(verdict());
  learn(policy_);
  EXPECT_FALSE(verdict());
  CopyPolicy other;
  learn(other);
  EXPECT_FALSE(verdict());
  now_ += CopyVerdicts::kSpared;
  CopyPolicy later;
  learn(later);
  EXPECT_TRUE(verdict());
}

TEST_F(CopyPolicyTest, AWrongGuessElsewhereEndsThisOne) {
  learn(policy_);
  ASSERT_TRUE(verdict());
  verdicts_.spare(client_, now_);  // another server
  piece(policy_, 65'000, 300);
  EXPECT_TRUE(verdict());
  verdicts_.spare(server_, now_);
  piece(policy_, 65'000, 300);
  EXPECT_FALSE(verdict());
}

TEST_F(CopyPolicyTest, WhatIsLetGoStaysSoUntilItsEnd) {
  piece(policy_, 1400, 1400, 100'000);
  policy_.let_go(verdicts_, key_, {kBirth, kBirth});
  ASSERT_TRUE(verdict());
  EXPECT_TRUE(verdict()->opaque);
  EXPECT_EQ(verdict()->birth, kBirth);
  EXPECT_EQ(verdict()->skip_bytes, 0U);
  EXPECT_TRUE(policy_.gone());
  policy_.forget(verdicts_);
  EXPECT_FALSE(verdict());
}

}  // namespace
}  // namespace weir
