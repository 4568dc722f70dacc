#include "base/timer_wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace weir {
namespace {

class TimerWheelTest : public testing::Test {
 protected:
  std::vector<int> advance(Nanos now) {
    std::vector<int> fired;
    wheel_.advance(now, [&](Timer& timer) { fired.push_back(static_cast<int>(&timer - timers_)); });
    return fired;
  }

  std::unique_ptr<TimerWheel> owner_ = std::make_unique<TimerWheel>();
  TimerWheel& wheel_ = *owner_;
  Timer timers_[3];
};

TEST_F(TimerWheelTest, FiresAfterItsDeadlineAndOnce) {
  advance(kSecond);
  wheel_.arm(timers_[0], 2 * kSecond);
  EXPECT_TRUE(advance(2 * kSecond - kMillisecond).empty());
  EXPECT_EQ(advance(2 * kSecond + 2 * TimerWheel::kTick), std::vector<int>{0});
  EXPECT_TRUE(advance(10 * kSecond).empty());
}

TEST_F(TimerWheelTest, ReachesBeyondItsSpan) {
  advance(kSecond);
  wheel_.arm(timers_[0], 200 * kSecond);
  EXPECT_TRUE(advance(100 * kSecond).empty());
  EXPECT_TRUE(advance(199 * kSecond).empty());
  EXPECT_EQ(advance(201 * kSecond), std::vector<int>{0});
}

TEST_F(TimerWheelTest, SurvivesALeapOfTheClock) {
  advance(kSecond);
  wheel_.arm(timers_[0], 5 * kSecond);
  wheel_.arm(timers_[1], 300 * kSecond);
  EXPECT_EQ(advance(1'000'000 * kSecond), (std::vector<int>{0, 1}));
}

TEST_F(TimerWheelTest, ForgetsWhatIsCancelled) {
  advance(kSecond);
  wheel_.arm(timers_[0], 2 * kSecond);
  wheel_.arm(timers_[1], 2 * kSecond);
  TimerWheel::cancel(timers_[0]);
  EXPECT_FALSE(timers_[0].armed());
  EXPECT_EQ(advance(3 * kSecond), std::vector<int>{1});
}

TEST_F(TimerWheelTest, LetsATimerArmItselfAgainWhileItFires) {
  advance(kSecond);
  wheel_.arm(timers_[0], 2 * kSecond);
  int fired = 0;
  wheel_.advance(3 * kSecond, [&](Timer& timer) {
    ++fired;
    wheel_.arm(timer, 4 * kSecond);
  });
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(advance(5 * kSecond), std::vector<int>{0});
}

}  // namespace
}  // namespace weir
