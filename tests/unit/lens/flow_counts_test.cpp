#include "lens/flow_counts.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <random>
#include <tuple>

namespace weir {
namespace {

constexpr std::uint32_t kInterface = 3;
constexpr std::size_t kManyFlows = 1000, kSlots = 16;

flow_slot slot_of(std::uint64_t flow, std::uint64_t packets, std::uint64_t bytes,
                  std::uint8_t kind = FLOW_TYPE_UDP) {
  flow_slot slot{};
  slot.key.source[1] = flow;
  slot.key.kind = kind;
  slot.ifindex = kInterface;
  slot.packets = packets;
  slot.bytes = bytes;
  return slot;
}
flow_leaver leaver_of(std::uint32_t index, const flow_slot& slot, flow_more more = {}) {
  flow_leaver leaver{};
  leaver.slot = slot;
  leaver.more = more;
  leaver.index = index;
  return leaver;
}

class FlowCountsTest : public testing::Test {
 protected:
  void limit(std::size_t max_flows) { counts_.emplace(max_flows, kSlots); }
  bool see(std::size_t index, const flow_slot& slot, flow_more more = {}) {
    return counts_->see(index, slot, more, now_);
  }
  void leave(std::uint32_t index, const flow_slot& slot, flow_more more = {}) {
    counts_->leave(leaver_of(index, slot, more), now_);
  }
  std::vector<FlowCounts::Flow> flows() {
    std::vector<FlowCounts::Flow> all;
    counts_->for_each([&](FlowCounts::Flow& flow) { all.push_back(flow); });
    return all;
  }
  // What the flow has carried; nothing where it is none.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> total(std::uint64_t flow) {
    std::optional<std::pair<std::uint64_t, std::uint64_t>> found;
    for (const auto& one : flows()) {
      if (one.key.source[1] != flow) continue;
      EXPECT_FALSE(found) << "twice";
      found.emplace(one.total.packets, one.total.bytes);
    }
    return found;
  }
  std::vector<std::uint64_t> expire(Nanos before) {
    std::vector<std::uint64_t> ended;
    counts_->expire(before,
                    [&](const FlowCounts::Flow& flow) { ended.push_back(flow.key.source[1]); });
    return ended;
  }

  std::optional<FlowCounts> counts_{std::in_place, kManyFlows, kSlots};
  Nanos now_ = kSecond;
};

using Carried = std::pair<std::uint64_t, std::uint64_t>;

TEST_F(FlowCountsTest, WhatASlotHasMoreIsAdded) {
  EXPECT_TRUE(see(0, slot_of(7, 2, 200)));
  EXPECT_TRUE(see(0, slot_of(7, 2, 200)));
  EXPECT_TRUE(see(0, slot_of(7, 5, 290)));
  EXPECT_EQ(total(7), Carried(5, 290));
  EXPECT_EQ(counts_->all().packets, 5U);
}

TEST_F(FlowCountsTest, OneFlowInSlotsOfSeveralProcessors) {
  see(0, slot_of(7, 2, 200));
  see(9, slot_of(7, 1, 50));
  leave(0, slot_of(7, 3, 260));
  EXPECT_EQ(total(7), Carried(4, 310));
  EXPECT_EQ(counts_->size(), 1U);
}

TEST_F(FlowCountsTest, ASlotTakenButNotYetCountedInIsNoFlow) {
  EXPECT_TRUE(see(0, slot_of(7, 0, 0)));
  EXPECT_EQ(counts_->size(), 0U);
  EXPECT_TRUE(see(0, slot_of(7, 1, 60)));
  EXPECT_EQ(total(7), Carried(1, 60));
}

TEST_F(FlowCountsTest, WhatTheWireHasBeyondMayComeLater) {
  // A reader may come between the two additions of one packet.
  EXPECT_TRUE(see(0, slot_of(7, 1, 3000)));
  EXPECT_TRUE(see(0, slot_of(7, 1, 3000), {2, 108}));
  EXPECT_EQ(flows().at(0).total.more_packets, 2U);
  EXPECT_EQ(flows().at(0).total.more_bytes, 108U);
  leave(0, slot_of(7, 1, 3000), {3, 162});
  EXPECT_EQ(flows().at(0).total.more_packets, 3U);
}

TEST_F(FlowCountsTest, ASlotReusedBeforeItsLeaverIsTaken) {
  EXPECT_TRUE(see(0, slot_of(7, 2, 200)));
  EXPECT_FALSE(see(0, slot_of(8, 1, 60))) << "7 has left";
  EXPECT_FALSE(total(8));
  leave(0, slot_of(7, 3, 300));
  EXPECT_TRUE(see(0, slot_of(8, 1, 60)));
  EXPECT_EQ(total(7), Carried(3, 300));
  EXPECT_EQ(total(8), Carried(1, 60));
}

TEST_F(FlowCountsTest, OfAnotherInterfaceItIsAnotherFlow) {
  flow_slot other = slot_of(7, 1, 60);
  other.ifindex = kInterface + 1;
  EXPECT_TRUE(see(0, slot_of(7, 2, 200)));
  EXPECT_FALSE(see(0, other));
  EXPECT_TRUE(see(1, other));
  EXPECT_EQ(counts_->size(), 2U);
}

TEST_F(FlowCountsTest, LeaversThatWereNeverSeen) {
  leave(0, slot_of(7, 3, 300));
  leave(0, slot_of(8, 1, 60));
  leave(0, slot_of(7, 1, 100));
  EXPECT_EQ(total(7), Carried(4, 400));
  EXPECT_EQ(total(8), Carried(1, 60));
}

TEST_F(FlowCountsTest, ALeaverThatIsToldAfterItsSuccessorWasSeen) {
  EXPECT_TRUE(see(0, slot_of(8, 5, 500)));
  leave(0, slot_of(7, 7, 700));  // it had come and gone before
  EXPECT_EQ(total(7), Carried(7, 700));
  EXPECT_EQ(total(8), Carried(5, 500));
  EXPECT_TRUE(see(0, slot_of(8, 6, 600)));
  EXPECT_EQ(total(8), Carried(6, 600));
  leave(0, slot_of(8, 6, 600));
  EXPECT_TRUE(see(0, slot_of(9, 1, 60)));
  EXPECT_EQ(counts_->all().packets, 14U);
}

TEST_F(FlowCountsTest, AFlowThatLeavesAndComesBackToItsSlot) {
  EXPECT_TRUE(see(0, slot_of(7, 10, 1000)));
  EXPECT_FALSE(see(0, slot_of(7, 4, 400))) << "counts of one stay do not go back";
  EXPECT_EQ(total(7), Carried(10, 1000));
  leave(0, slot_of(7, 15, 1500));
  leave(0, slot_of(8, 3, 300));
  EXPECT_TRUE(see(0, slot_of(7, 4, 400)));
  EXPECT_EQ(total(7), Carried(19, 1900));
  EXPECT_EQ(total(8), Carried(3, 300));
}

TEST_F(FlowCountsTest, AnEarlierStayIsToldAfterALaterOneWasSeen) {
  EXPECT_TRUE(see(0, slot_of(7, 5, 500)));
  leave(0, slot_of(7, 4, 400));
  leave(0, slot_of(8, 1, 60));
  EXPECT_EQ(total(7), Carried(9, 900));
  EXPECT_TRUE(see(0, slot_of(7, 5, 500)));
  EXPECT_EQ(total(7), Carried(9, 900));
}

TEST_F(FlowCountsTest, AnIndexBeyondTheTableIsNothing) {
  leave(kSlots, slot_of(7, 1, 60));
  EXPECT_EQ(counts_->all().packets, 0U);
}

TEST_F(FlowCountsTest, NoMoreThanTheMost) {
  limit(2);
  see(0, slot_of(1, 1, 10));
  see(1, slot_of(2, 1, 10));
  see(2, slot_of(3, 4, 40));
  leave(3, slot_of(4, 2, 20));
  EXPECT_EQ(counts_->size(), 2U);
  EXPECT_EQ(counts_->beyond().packets, 6U);
  EXPECT_EQ(counts_->beyond().bytes, 60U);
  EXPECT_EQ(counts_->all().packets, 8U);
  EXPECT_EQ(counts_->by_kind().begin()->second.packets, 8U) << "what is beyond, too";
  // What is kept goes on; what is not has its turn when there is room, with what comes then.
  now_ += kSecond;
  see(0, slot_of(1, 2, 20));
  EXPECT_EQ(expire(kSecond), std::vector<std::uint64_t>{2});
  see(2, slot_of(3, 5, 55));
  EXPECT_EQ(total(1), Carried(2, 20));
  EXPECT_EQ(total(3), Carried(1, 15));
  EXPECT_EQ(counts_->beyond().packets, 6U);
}

TEST_F(FlowCountsTest, SilentFlowsEndAndComeBackAsNewOnes) {
  see(0, slot_of(1, 5, 500));
  see(1, slot_of(2, 5, 500));
  now_ += 2 * kSecond;
  see(0, slot_of(1, 6, 600));
  EXPECT_EQ(expire(now_ - kSecond), std::vector<std::uint64_t>{2});
  EXPECT_EQ(expire(now_ - kSecond), std::vector<std::uint64_t>{}) << "once";
  EXPECT_FALSE(total(2));
  now_ += kSecond;
  EXPECT_TRUE(see(1, slot_of(2, 5, 500))) << "still in its slot";
  EXPECT_FALSE(total(2));
  EXPECT_TRUE(see(1, slot_of(2, 8, 800)));
  EXPECT_EQ(total(2), Carried(3, 300));
  for (const auto& flow : flows()) {
    EXPECT_EQ(flow.first_seen, flow.key.source[1] == 2 ? now_ : kSecond);
  }
}

TEST_F(FlowCountsTest, AnEndedFlowsPlaceIsAnothers) {
  see(0, slot_of(1, 5, 500));
  now_ += 2 * kSecond;
  expire(now_);
  see(1, slot_of(2, 1, 100));  // in its place
  see(0, slot_of(1, 6, 600));
  EXPECT_EQ(total(2), Carried(1, 100));
  EXPECT_EQ(total(1), Carried(1, 100));
}

TEST_F(FlowCountsTest, ToldIsKeptWithTheFlow) {
  see(0, slot_of(1, 5, 500));
  counts_->for_each([](FlowCounts::Flow& flow) { flow.told = flow.total; });
  see(0, slot_of(1, 7, 700));
  const FlowCounts::Flow flow = flows().at(0);
  EXPECT_EQ((flow.total - flow.told).packets, 2U);
}

TEST_F(FlowCountsTest, KindsAreInterfaceDirectionAndType) {
  see(0, slot_of(1, 1, 10, FLOW_TYPE_UDP | FLOW_ADDRESS_IPV4));
  see(1, slot_of(2, 1, 10, FLOW_TYPE_UDP | FLOW_ADDRESS_IPV6));
  see(2, slot_of(3, 1, 10, FLOW_TYPE_UDP | FLOW_ADDRESS_IPV4 | FLOW_EGRESS));
  see(3, slot_of(4, 1, 10, FLOW_TYPE_TCP | FLOW_ADDRESS_IPV4));
  ASSERT_EQ(counts_->by_kind().size(), 3U);
  EXPECT_EQ(counts_->by_kind().at({kInterface, FLOW_TYPE_UDP}).packets, 2U);
  std::size_t ended = 0;
  counts_->forget(kInterface, [&](const FlowCounts::Flow&) { ++ended; });
  EXPECT_EQ(ended, 4U);
  EXPECT_EQ(counts_->size(), 0U);
  EXPECT_TRUE(counts_->by_kind().empty());
  see(3, slot_of(4, 2, 20, FLOW_TYPE_TCP | FLOW_ADDRESS_IPV4));
  EXPECT_EQ(counts_->by_kind().at({kInterface, FLOW_TYPE_TCP}).packets, 1U);
  EXPECT_EQ(counts_->all().packets, 5U) << "goes on";
}

// The kernel's side as bpf/lib/flow_table.bpf.h has it, and a reader that it runs beside.
class Kernel {
 public:
  Kernel(std::mt19937& random, std::uint64_t flows) : random_(random), flows_(flows) {}

  void run(int most) {
    for (int packets = any(most); packets > 0; --packets) packet();
  }
  void packet() {
    const std::uint64_t flow = 1 + random_() % flows_;
    const auto index = static_cast<std::uint32_t>(random_() % kSlots);
    auto& [slot, more] = slots_[index];
    if (slot.ifindex == 0 || slot.key.source[1] != flow) {
      if (slot.ifindex != 0) leavers_.push_back(leaver_of(index, slot, more));
      slot = slot_of(flow, 0, 0);
      more = {};
    }
    const std::uint64_t bytes = 60 + random_() % 1000, beyond = random_() % 3;
    ++slot.packets;
    slot.bytes += bytes;
    more.packets += beyond;
    more.bytes += 54 * beyond;
    truth[flow] += {1, bytes, beyond, 54 * beyond};
    all += {1, bytes, beyond, 54 * beyond};
  }
  // Some of those that wait, or all: an event behind one that is being written is not there yet.
  void give_leavers(FlowCounts& counts, Nanos now, bool all_of_them) {
    std::size_t many = all_of_them ? leavers_.size() : random_() % (leavers_.size() + 1);
    for (; many > 0; --many) {
      counts.leave(leavers_.front(), now);
      leavers_.pop_front();
    }
  }
  bool see(FlowCounts& counts, std::uint32_t index, Nanos now) {
    const auto& [slot, more] = slots_[index];
    return slot.ifindex == 0 || counts.see(index, slot, more, now);
  }
  int any(int most) { return static_cast<int>(random_() % static_cast<unsigned>(most + 1)); }

  std::map<std::uint64_t, FlowTally> truth;  // by flow
  FlowTally all;

 private:
  std::mt19937& random_;
  const std::uint64_t flows_;
  std::pair<flow_slot, flow_more> slots_[kSlots]{};
  std::deque<flow_leaver> leavers_;
};

auto in_order(const FlowTally& tally) {
  return std::tie(tally.packets, tally.bytes, tally.more_packets, tally.more_bytes);
}
bool not_more(const FlowTally& a, const FlowTally& b) {
  return a.packets <= b.packets && a.bytes <= b.bytes && a.more_packets <= b.more_packets &&
         a.more_bytes <= b.more_bytes;
}

struct Load {
  std::uint64_t flows;
  int packets;  // at most, between two steps of the reader
  bool late;    // leavers may come late
};
class FlowCountsModelTest : public testing::TestWithParam<Load> {};

// One reading: what Flows::read_flows does.
void read(Kernel& kernel, FlowCounts& counts, const Load& load, Nanos now, bool still) {
  const auto run = [&] { kernel.run(still ? 0 : load.packets); };
  kernel.give_leavers(counts, now, still || !load.late);
  for (std::uint32_t index = 0; index < kSlots; ++index) {
    run();
    if (kernel.see(counts, index, now)) continue;
    run();
    kernel.give_leavers(counts, now, still || !load.late);
    run();
    kernel.see(counts, index, now);
  }
}

TEST_P(FlowCountsModelTest, IsExactAtTheEndAndNeverGoesBackOrAhead) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    Kernel kernel(random, GetParam().flows);
    FlowCounts counts(kManyFlows, kSlots);
    std::map<std::uint64_t, FlowTally> ended, told;
    for (int tick = 0; tick < 60; ++tick) {
      const bool still = tick == 59;  // nothing moves any more
      const Nanos now = (tick + 1) * kSecond;
      kernel.run(5 * GetParam().packets);
      read(kernel, counts, GetParam(), now, still);
      if (still) read(kernel, counts, GetParam(), now, still);
      counts.expire(now - (1 + kernel.any(3)) * kSecond, [&](const FlowCounts::Flow& flow) {
        ended[flow.key.source[1]] += flow.total;
        told.erase(flow.key.source[1]);
      });
      FlowTally sum;
      std::map<std::uint64_t, FlowTally> totals = ended;
      counts.for_each([&](FlowCounts::Flow& flow) {
        const std::uint64_t name = flow.key.source[1];
        ASSERT_TRUE(not_more(told[name], flow.total)) << "goes back, seed " << seed;
        told[name] = flow.total;
        totals[name] += flow.total;
      });
      for (const auto& [name, total] : totals) {
        sum += total;
        ASSERT_TRUE(not_more(total, kernel.truth[name])) << "more than there was, seed " << seed;
        if (!still) continue;
        ASSERT_EQ(in_order(total), in_order(kernel.truth[name])) << "seed " << seed;
      }
      ASSERT_EQ(in_order(sum), in_order(counts.all())) << "seed " << seed;
      if (still) {
        ASSERT_EQ(in_order(sum), in_order(kernel.all)) << "seed " << seed;
        ASSERT_EQ(totals.size(), kernel.truth.size());
      }
    }
  }
}

TEST_P(FlowCountsModelTest, BeyondTheMostTheSumIsExact) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    Kernel kernel(random, GetParam().flows);
    FlowCounts counts(5, kSlots);
    FlowTally ended;
    for (int tick = 0; tick < 60; ++tick) {
      const bool still = tick == 59;
      const Nanos now = (tick + 1) * kSecond;
      read(kernel, counts, GetParam(), now, still);
      if (still) read(kernel, counts, GetParam(), now, still);
      counts.expire(now - 2 * kSecond, [&](const FlowCounts::Flow& flow) { ended += flow.total; });
      ASSERT_LE(counts.size(), 5U);
      FlowTally sum = counts.beyond();
      sum += ended;
      counts.for_each([&](FlowCounts::Flow& flow) { sum += flow.total; });
      ASSERT_EQ(in_order(sum), in_order(counts.all()));
    }
    ASSERT_EQ(in_order(counts.all()), in_order(kernel.all)) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Loads, FlowCountsModelTest,
                         testing::Values(Load{3, 2, false}, Load{3, 2, true}, Load{20, 1, false},
                                         Load{20, 4, true}, Load{500, 30, false},
                                         Load{500, 30, true}),
                         [](const auto& load) {
                           return std::to_string(load.param.flows) + "Flows" +
                                  (load.param.late ? "Late" : "");
                         });

}  // namespace
}  // namespace weir
