#include "packet/fragments.h"

#include <algorithm>

#include "dissector_test.h"

namespace weir {
namespace {

using namespace build;

constexpr Nanos kStart = 1'700'000'000 * kSecond;

class FragmentsTest : public DissectorTest {
 protected:
  // Bytes [begin, end) of `whole`, as an IPv4 fragment.
  static Wire piece4(const Wire& whole, std::size_t begin, std::size_t end,
                     std::uint16_t identification = 7) {
    const bool more = end < whole.size();
    return ethernet(
        {.payload =
             ipv4({.protocol = 17,
                   .identification = identification,
                   .fragmentation = static_cast<std::uint16_t>(begin / 8 | (more ? 0x2000 : 0)),
                   .payload = slice(whole, begin, end)})});
  }
  static Wire piece6(const Wire& whole, std::size_t begin, std::size_t end) {
    Wire header = {17, 0};
    put16(header, static_cast<std::uint32_t>(begin | (end < whole.size() ? 1 : 0)));
    put32(header, 99);
    return ethernet({.type = 0x86dd,
                     .payload = ipv6({.next = 44, .payload = header + slice(whole, begin, end)})});
  }
  static Wire slice(const Wire& whole, std::size_t begin, std::size_t end) {
    return {whole.begin() + static_cast<std::ptrdiff_t>(begin),
            whole.begin() + static_cast<std::ptrdiff_t>(end)};
  }
  static Wire datagram(std::size_t payload_bytes) {
    Wire payload(payload_bytes);
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>(i * 7);
    return udp({.payload = payload});
  }
  bool is(const Wire& whole) const {
    return packet_.payload_bytes == whole.size() - 8 &&
           Wire(packet_.payload.begin(), packet_.payload.end()) == slice(whole, 8, whole.size());
  }
  Dissection at(Nanos time, const Wire& bytes) { return dissect(bytes, {.time = time}); }

  const Wire whole_ = datagram(92);  // 100 bytes with its header
};

TEST_F(FragmentsTest, ReassemblesInAnyOrder) {
  const std::size_t cuts[] = {0, 40, 64, 100};
  std::size_t order[] = {0, 1, 2};
  do {
    EXPECT_EQ(dissect(piece4(whole_, cuts[order[0]], cuts[order[0] + 1])), Dissection::kFragment);
    EXPECT_EQ(dissect(piece4(whole_, cuts[order[1]], cuts[order[1] + 1])), Dissection::kFragment);
    EXPECT_EQ(dissector_.pending_fragments(), 2U);
    ASSERT_EQ(dissect(piece4(whole_, cuts[order[2]], cuts[order[2] + 1])), Dissection::kPacket);
    EXPECT_TRUE(is(whole_));
    EXPECT_EQ(packet_.destination.port, 53);
    EXPECT_EQ(dissector_.absorbed_fragments(), 2U);
    EXPECT_EQ(dissector_.pending_fragments(), 0U);
  } while (std::next_permutation(std::begin(order), std::end(order)));
}

TEST_F(FragmentsTest, ReassemblesIpv6) {
  EXPECT_EQ(dissect(piece6(whole_, 64, 100)), Dissection::kFragment);
  ASSERT_EQ(dissect(piece6(whole_, 0, 64)), Dissection::kPacket);
  EXPECT_TRUE(is(whole_));
}

TEST_F(FragmentsTest, FirstCopyWinsWhereTheyOverlap) {
  Wire other = whole_;
  for (auto& byte : other) byte = 0xee;
  EXPECT_EQ(dissect(piece4(whole_, 0, 48)), Dissection::kFragment);
  EXPECT_EQ(dissect(piece4(whole_, 72, 100)), Dissection::kFragment);
  EXPECT_EQ(dissect(piece4(other, 8, 40)), Dissection::kFragment);  // a teardrop's second half
  ASSERT_EQ(dissect(piece4(other, 40, 80)), Dissection::kPacket);
  EXPECT_EQ(packet_.payload[39], whole_[47]);
  EXPECT_EQ(packet_.payload[40], 0xee);
  EXPECT_EQ(packet_.payload[63], 0xee);
  EXPECT_EQ(packet_.payload[64], whole_[72]);
  EXPECT_EQ(dissector_.absorbed_fragments(), 3U);
}

TEST_F(FragmentsTest, DatagramsDoNotMix) {
  EXPECT_EQ(dissect(piece4(whole_, 0, 64, 1)), Dissection::kFragment);
  EXPECT_EQ(dissect(piece4(whole_, 64, 100, 2)), Dissection::kFragment);
  EXPECT_EQ(dissect(piece4(whole_, 64, 100, 1), {.interface_id = 4}), Dissection::kFragment);
  EXPECT_EQ(dissector_.pending_fragments(), 3U);
  EXPECT_EQ(dissect(piece4(whole_, 64, 100, 1)), Dissection::kPacket);
}

TEST_F(FragmentsTest, ContradictionsAreLostAndDoNoHarm) {
  EXPECT_EQ(dissect(piece4(whole_, 0, 64)), Dissection::kFragment);
  EXPECT_EQ(dissect(piece4(whole_, 64, 70)), Dissection::kFragment);  // not the last, not of 8
  EXPECT_EQ(dissect(piece4(datagram(42), 40, 50)),
            Dissection::kFragment);  // ends before known data
  const Wire death = ethernet(
      {.payload = ipv4({.protocol = 17, .fragmentation = 0x1fff, .payload = Wire(64, 0)})});
  EXPECT_EQ(dissect(death), Dissection::kFragment);  // beyond 65535
  EXPECT_EQ(dissector_.lost_fragments(), 3U);
  ASSERT_EQ(dissect(piece4(whole_, 64, 100)), Dissection::kPacket);
  EXPECT_TRUE(is(whole_));
}

TEST_F(FragmentsTest, CutPiecesGiveACutDatagram) {
  Wire first = piece4(whole_, 0, 64);
  const auto wire = static_cast<std::uint32_t>(first.size());
  first = cut(first, first.size() - 24);
  EXPECT_EQ(dissect(first, {.wire_bytes = wire}), Dissection::kFragment);
  ASSERT_EQ(dissect(piece4(whole_, 64, 100)), Dissection::kPacket);
  EXPECT_EQ(packet_.payload.size(), 32U);
  EXPECT_EQ(packet_.payload_bytes, 92U);
}

TEST_F(FragmentsTest, TimeOutGivesTheBeginningAndLosesTheRest) {
  EXPECT_EQ(at(kStart, piece4(whole_, 0, 64, 1)), Dissection::kFragment);
  EXPECT_EQ(at(kStart, piece4(whole_, 64, 100, 2)), Dissection::kFragment);
  const Wire other = ethernet({.payload = segment4()});
  EXPECT_EQ(at(kStart + 2 * kSecond, other), Dissection::kPacket);
  EXPECT_FALSE(dissector_.take_incomplete(packet_));
  EXPECT_EQ(at(kStart + 3 * kSecond, other), Dissection::kPacket);
  EXPECT_EQ(dissector_.lost_fragments(), 1U);
  EXPECT_EQ(dissector_.pending_fragments(), 1U);
  ASSERT_TRUE(dissector_.take_incomplete(packet_));
  EXPECT_EQ(packet_.time, kStart);
  EXPECT_EQ(packet_.transport, Transport::kUdp);
  EXPECT_EQ(source(), "10.0.0.1");
  EXPECT_EQ(packet_.payload.size(), 56U);
  EXPECT_EQ(packet_.payload_bytes, 92U);
  EXPECT_EQ(dissector_.absorbed_fragments(), 0U);
  EXPECT_FALSE(dissector_.take_incomplete(packet_));
  EXPECT_EQ(dissector_.pending_fragments(), 0U);
}

TEST_F(FragmentsTest, NothingStaysPendingAtTheEnd) {
  EXPECT_EQ(dissect(piece4(whole_, 0, 64, 1)), Dissection::kFragment);
  EXPECT_EQ(dissect(piece4(whole_, 64, 100, 2)), Dissection::kFragment);
  dissector_.flush();
  EXPECT_TRUE(dissector_.take_incomplete(packet_));
  EXPECT_FALSE(dissector_.take_incomplete(packet_));
  EXPECT_EQ(dissector_.pending_fragments(), 0U);
  EXPECT_EQ(dissector_.lost_fragments(), 1U);
}

TEST_F(FragmentsTest, WhatIsNotTakenIsLost) {
  EXPECT_EQ(dissect(piece4(whole_, 0, 64)), Dissection::kFragment);
  dissector_.flush();
  EXPECT_EQ(dissect(ethernet({.payload = segment4()})), Dissection::kPacket);
  EXPECT_FALSE(dissector_.take_incomplete(packet_));
  EXPECT_EQ(dissector_.lost_fragments(), 1U);
}

TEST_F(FragmentsTest, InsideATunnelEachFrameCountsOnce) {
  // The inner datagram is fragmented, and the outer packet of its first half is as well.
  const Wire inner = slice(piece4(whole_, 0, 64), 14, 14 + 20 + 64);
  const Wire outer = ipv4({.protocol = 4, .identification = 50, .payload = inner});
  const auto outer_piece = [&](std::size_t begin, std::size_t end, std::uint16_t field) {
    return ethernet({.payload = ipv4({.protocol = 4,
                                      .identification = 50,
                                      .fragmentation = field,
                                      .payload = slice(outer, 20 + begin, 20 + end)})});
  };
  EXPECT_EQ(dissect(outer_piece(0, 40, 0x2000)), Dissection::kFragment);
  EXPECT_EQ(dissect(outer_piece(40, 84, 5)), Dissection::kFragment);
  EXPECT_EQ(dissector_.pending_fragments(), 2U);
  const Wire last = slice(piece4(whole_, 64, 100), 14, 14 + 20 + 36);
  ASSERT_EQ(dissect(ethernet({.payload = ipv4({.protocol = 4, .payload = last})})),
            Dissection::kPacket);
  EXPECT_TRUE(is(whole_));
  EXPECT_EQ(dissector_.absorbed_fragments(), 2U);
  EXPECT_EQ(dissector_.pending_fragments(), 0U);
}

TEST_F(FragmentsTest, MemoryIsBounded) {
  Dissector::Options options;
  options.fragments.datagrams = 100;
  options.fragments.bytes = 300'000;
  dissector_ = Dissector(options);
  std::uint64_t seen = 0;
  for (std::uint32_t i = 0; i < 20'000; ++i, ++seen) {
    // The last byte of a large datagram that never comes: the worst use of memory.
    const Wire bytes = ethernet(
        {.payload = ipv4({.protocol = 17,
                          .identification = static_cast<std::uint16_t>(i),
                          .fragmentation = static_cast<std::uint16_t>(i % 2 == 0 ? 0x1ff0 : 0x0010),
                          .payload = Wire(8, 0)})});
    ASSERT_EQ(dissect(bytes), Dissection::kFragment);
    ASSERT_EQ(seen + 1, dissector_.pending_fragments() + dissector_.evicted_fragments());
    ASSERT_LE(dissector_.pending_fragments(), 100U);
  }
}

TEST(FragmentsBoundTest, BytesAreBoundedAndGivenBack) {
  Fragments fragments({.datagrams = 1000, .bytes = 200'000});
  const Wire data(1024, 1);
  Fragments::Datagram whole;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    fragments.begin_frame(kStart);
    Fragments::Key key;
    key.identification = i;
    fragments.add(key, {.offset = i * 64 % 60'000, .captured = data, .wire_bytes = 1024}, kStart,
                  whole);
    ASSERT_LE(fragments.buffered_bytes(), 200'000U);
  }
  fragments.flush();
  fragments.begin_frame(kStart);
  EXPECT_EQ(fragments.buffered_bytes(), 0U);
  EXPECT_FALSE(fragments.active());
}

}  // namespace
}  // namespace weir
