#include "packet/captured_frame.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace weir {
namespace {

// One slot of a ring, as the kernel lays it out for a SOCK_RAW socket.
struct Slot {
  std::uint16_t hardware = ARPHRD_ETHER;
  std::uint16_t protocol = ETH_P_IP;
  std::uint32_t network = ETH_HLEN;  // offset of the network header in the frame
  std::uint32_t wire = 0;            // 0: as long as the bytes
  std::vector<std::uint8_t> bytes = {};
};

class CapturedFrameTest : public testing::Test {
 protected:
  Frame frame_of(const Slot& slot) {
    tpacket3_hdr header{};
    header.tp_sec = 1'700'000'000;
    header.tp_nsec = 999'999'999;
    header.tp_net = 128;
    header.tp_mac = static_cast<std::uint16_t>(128 - slot.network);
    header.tp_snaplen = static_cast<std::uint32_t>(slot.bytes.size());
    header.tp_len = slot.wire != 0 ? slot.wire : header.tp_snaplen;
    sockaddr_ll link{};
    link.sll_protocol = htons(slot.protocol);
    link.sll_hatype = slot.hardware;
    link.sll_ifindex = 3;
    std::memcpy(memory_.data(), &header, sizeof header);
    std::memcpy(memory_.data() + TPACKET_ALIGN(sizeof header), &link, sizeof link);
    std::copy(slot.bytes.begin(), slot.bytes.end(), memory_.begin() + header.tp_mac);
    return captured_frame(*reinterpret_cast<const tpacket3_hdr*>(memory_.data()));
  }

  alignas(16) std::array<std::uint8_t, 512> memory_{};
};

std::vector<std::uint8_t> ethernet(std::uint16_t type, std::size_t payload) {
  std::vector<std::uint8_t> bytes(12, 2);
  bytes.push_back(static_cast<std::uint8_t>(type >> 8));
  bytes.push_back(static_cast<std::uint8_t>(type));
  for (std::size_t i = 0; i < payload; ++i) bytes.push_back(static_cast<std::uint8_t>(0x40 + i));
  return bytes;
}

TEST_F(CapturedFrameTest, EthernetBeginsBehindItsHeader) {
  const auto frame = frame_of({.wire = 1514, .bytes = ethernet(0x0800, 40)});
  EXPECT_EQ(frame.link_type, Frame::kNetworkLayer);
  EXPECT_EQ(frame.ether_type, 0x0800);
  EXPECT_EQ(frame.interface_id, 3U);
  EXPECT_EQ(frame.time, 1'700'000'000'999'999'999);
  EXPECT_EQ(frame.wire_bytes, 1500U);
  ASSERT_EQ(frame.data.size(), 40U);
  EXPECT_EQ(frame.data[0], 0x40);
}

TEST_F(CapturedFrameTest, ATagInTheFrameIsKeptWhereverTheKernelPutsTheNetworkHeader) {
  for (const std::uint32_t network : {14U, 18U}) {
    const auto frame =
        frame_of({.protocol = 0x8100, .network = network, .bytes = ethernet(0x8100, 40)});
    EXPECT_EQ(frame.ether_type, 0x8100);
    ASSERT_EQ(frame.data.size(), 40U);
    EXPECT_EQ(frame.data[0], 0x40);
  }
}

TEST_F(CapturedFrameTest, WithoutLinkHeaderTheKernelsMarksHold) {
  const auto tun = frame_of({.hardware = ARPHRD_NONE,
                             .protocol = ETH_P_IPV6,
                             .network = 0,
                             .bytes = std::vector<std::uint8_t>(60, 6)});
  EXPECT_EQ(tun.ether_type, 0x86dd);
  EXPECT_EQ(tun.data.size(), 60U);
  EXPECT_EQ(tun.wire_bytes, 60U);
  const auto gre = frame_of(
      {.hardware = ARPHRD_IPGRE, .network = 24, .bytes = std::vector<std::uint8_t>(60, 6)});
  EXPECT_EQ(gre.data.size(), 36U);
  EXPECT_EQ(gre.wire_bytes, 36U);
}

TEST_F(CapturedFrameTest, AnEthernetLengthIsNoType) {
  const auto frame = frame_of({.protocol = ETH_P_802_2, .bytes = ethernet(38, 38)});
  EXPECT_EQ(frame.ether_type, ETH_P_802_2);
}

TEST_F(CapturedFrameTest, ContradictionsGiveNoData) {
  EXPECT_TRUE(frame_of({.bytes = std::vector<std::uint8_t>(9, 1)}).data.empty());
  EXPECT_TRUE(frame_of({.bytes = ethernet(0x0800, 0)}).data.empty());
  const auto past = frame_of(
      {.hardware = ARPHRD_NONE, .network = 100, .bytes = std::vector<std::uint8_t>(60, 1)});
  EXPECT_TRUE(past.data.empty());
  EXPECT_EQ(past.wire_bytes, 0U);
  // The network header before the frame.
  const auto before = frame_of({.hardware = ARPHRD_NONE,
                                .network = static_cast<std::uint32_t>(-20),
                                .bytes = std::vector<std::uint8_t>(60, 1)});
  EXPECT_TRUE(before.data.empty());
}

}  // namespace
}  // namespace weir
