// A packet in a TPACKET_V3 ring as a Frame.
#pragma once

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <cstdint>

#include "packet/packet.h"

namespace weir {

// The network header is found behind the Ethernet header where there is one, not where the kernel
// says: of a packet going out with its VLAN tag in the frame the kernel's mark is behind the tag,
// though the frame's type is the tag's; of one coming in it is before. Elsewhere (tun, gre, ...)
// the kernel's mark is all there is. 802.3 frames without a type keep the kernel's, ETH_P_802_2.
// Headers that contradict each other give a Frame without data.
inline Frame captured_frame(const tpacket3_hdr& header) noexcept {
  const auto* start = reinterpret_cast<const std::uint8_t*>(&header);
  const auto& link = *reinterpret_cast<const sockaddr_ll*>(start + TPACKET_ALIGN(sizeof header));
  const std::uint8_t* frame = start + header.tp_mac;
  Frame out;
  out.time = std::int64_t{header.tp_sec} * kSecond + std::int64_t{header.tp_nsec};
  out.interface_id = static_cast<std::uint32_t>(link.sll_ifindex);
  out.link_type = Frame::kNetworkLayer;
  out.ether_type = load_be16(reinterpret_cast<const std::uint8_t*>(&link.sll_protocol));
  std::uint32_t skip = std::uint32_t{header.tp_net} - header.tp_mac;
  if (link.sll_hatype == ARPHRD_ETHER || link.sll_hatype == ARPHRD_LOOPBACK) {
    skip = ETH_HLEN;
    if (header.tp_snaplen >= ETH_HLEN) {
      const std::uint16_t type = load_be16(frame + 2 * ETH_ALEN);
      if (type >= ETH_P_802_3_MIN) out.ether_type = type;
    }
  } else if (header.tp_net < header.tp_mac) {
    skip = header.tp_len;
  }
  out.wire_bytes = header.tp_len > skip ? header.tp_len - skip : 0;
  if (header.tp_snaplen > skip) out.data = Bytes(frame + skip, header.tp_snaplen - skip);
  return out;
}

}  // namespace weir
