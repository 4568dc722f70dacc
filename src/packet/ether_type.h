// Numbers that name what a header is followed by: ethertypes, IP protocols, PPP protocols.
#pragma once

#include <cstdint>

namespace weir {

inline constexpr std::uint16_t kEtherIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherArp = 0x0806;
inline constexpr std::uint16_t kEtherTransparentBridging = 0x6558;
inline constexpr std::uint16_t kEtherVlan = 0x8100;
inline constexpr std::uint16_t kEtherIpv6 = 0x86dd;
inline constexpr std::uint16_t kEtherPpp = 0x880b;
inline constexpr std::uint16_t kEtherMpls = 0x8847;
inline constexpr std::uint16_t kEtherMplsMulticast = 0x8848;
inline constexpr std::uint16_t kEtherPppoeSession = 0x8864;
inline constexpr std::uint16_t kEtherProviderVlan = 0x88a8;
inline constexpr std::uint16_t kEtherErspan = 0x88be;
inline constexpr std::uint16_t kEtherErspan3 = 0x22eb;
inline constexpr std::uint16_t kEtherLldp = 0x88cc;
inline constexpr std::uint16_t kEtherMacsec = 0x88e5;
inline constexpr std::uint16_t kEtherNsh = 0x894f;
inline constexpr std::uint16_t kEtherOldQinq = 0x9100;
// The field is a length instead, of an 802.3 frame.
inline constexpr std::uint16_t kMaxFrameLength = 1500;

inline constexpr std::uint8_t kIpHopByHop = 0;
inline constexpr std::uint8_t kIpIpv4 = 4;
inline constexpr std::uint8_t kIpTcp = 6;
inline constexpr std::uint8_t kIpUdp = 17;
inline constexpr std::uint8_t kIpIpv6 = 41;
inline constexpr std::uint8_t kIpRouting = 43;
inline constexpr std::uint8_t kIpFragment = 44;
inline constexpr std::uint8_t kIpGre = 47;
inline constexpr std::uint8_t kIpAuthentication = 51;
inline constexpr std::uint8_t kIpDestinationOptions = 60;
inline constexpr std::uint8_t kIpMobility = 135;
inline constexpr std::uint8_t kIpMpls = 137;

// Headers inside headers: tunnels, and link layers inside link layers.
inline constexpr unsigned kMaxDepth = 8;

}  // namespace weir
