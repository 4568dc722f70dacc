#include "packet/dissector.h"

#include <algorithm>

#include "packet/ether_type.h"

namespace weir {
namespace {

constexpr std::uint16_t kEthernet = 1;
constexpr std::uint16_t kKernelLlc = 4;  // what Linux calls an 802.3 frame with an LLC header
// No frame is longer: Linux offloads at most 512 KiB at a time. A file that claims more lies.
constexpr std::uint32_t kMaxWireBytes = 1 << 20;

}  // namespace

Dissector::Dissector(const Options& options)
    : decapsulate_(options.decapsulate), fragments_(options.fragments) {}

Dissection Dissector::dissect(const Frame& frame, Packet& packet) noexcept {
  absorbed_ = 0;
  if (fragments_.active()) [[unlikely]] {
    fragments_.begin_frame(frame.time);
  }
  packet.time = frame.time;
  packet.interface_id = frame.interface_id;
  const auto captured = static_cast<std::uint32_t>(frame.data.size());
  const View view{frame.data.data(), captured,
                  std::max(std::min(frame.wire_bytes, kMaxWireBytes), captured)};
  if (frame.link_type == kEthernet) {
    constexpr std::uint32_t kHeader = 14;
    if (view.has(kHeader) && load_be16(view.data + kHeader - 2) == kEtherIpv4 &&
        usual(view.from(kHeader), packet)) [[likely]] {
      return Dissection::kPacket;
    }
    return ethernet(view, 0, packet);
  }
  if (frame.link_type == Frame::kNetworkLayer) {
    if (frame.ether_type == kEtherIpv4) {
      return usual(view, packet) ? Dissection::kPacket : ipv4(view, 0, packet);
    }
    if (frame.ether_type == kKernelLlc) return llc(view, 0, packet);
    return ether_type(frame.ether_type, view, 0, packet);
  }
  return link(frame.link_type, view, 0, packet);
}

}  // namespace weir
