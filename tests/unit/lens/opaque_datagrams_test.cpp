#include "lens/opaque_datagrams.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir {
namespace {

class OpaqueDatagramsTest : public testing::Test {
 protected:
  OpaqueDatagramsTest() {
    packet_.source.port = 7001;
    packet_.destination.port = 7002;
    packet_.time = 100 * kSecond;
  }

  void send(int count) {
    for (int i = 0; i < count; ++i) opaque_.on_unknown(verdicts_, packet_);
  }
  bool kept_back() const {
    const auto name = verdicts_.name(packet_.source, packet_.destination, Transport::kUdp);
    const copy_verdict& slot = slots_[name % COPY_VERDICT_SLOTS];
    return (slot.key ^ slot.skip ^ slot.how) == name && slot.how == COPY_VERDICT_OPAQUE;
  }

  std::vector<copy_verdict> slots_ = std::vector<copy_verdict>(COPY_VERDICT_SLOTS);
  CopyVerdicts verdicts_{slots_, 5, false};
  OpaqueDatagrams opaque_;
  Packet packet_;
};

TEST_F(OpaqueDatagramsTest, EnoughUnknownOnesAreKeptBackForAWhile) {
  send(OpaqueDatagrams::kEnough - 1);
  EXPECT_FALSE(kept_back());
  send(1);
  EXPECT_TRUE(kept_back());
  opaque_.on_time(verdicts_, packet_.time + OpaqueDatagrams::kKeptBack - 1);
  EXPECT_TRUE(kept_back());
  opaque_.on_time(verdicts_, packet_.time + OpaqueDatagrams::kKeptBack + 2 * kSecond);
  EXPECT_FALSE(kept_back());
  packet_.time += OpaqueDatagrams::kKeptBack + 2 * kSecond;
  send(OpaqueDatagrams::kEnough - 1);
  EXPECT_FALSE(kept_back());
  send(1);
  EXPECT_TRUE(kept_back());
}

TEST_F(OpaqueDatagramsTest, AFewNowAndThenDoNotAddUp) {
  for (int i = 0; i < 10; ++i) {
    send(OpaqueDatagrams::kEnough / 2);
    packet_.time += OpaqueDatagrams::kKeptBack + 1;
  }
  EXPECT_FALSE(kept_back());
}

TEST_F(OpaqueDatagramsTest, AKnownOneOfEitherDirectionStartsAnew) {
  for (const bool answer : {false, true}) {
    send(OpaqueDatagrams::kEnough - 1);
    Packet known = packet_;
    if (answer) std::swap(known.source, known.destination);
    opaque_.on_known(verdicts_, known);
    send(OpaqueDatagrams::kEnough - 1);
    EXPECT_FALSE(kept_back());
    opaque_.on_known(verdicts_, known);
  }
}

}  // namespace
}  // namespace weir
