// Dissector: a captured frame in, the innermost TCP segment or UDP datagram out. Link layers, VLAN
// and MPLS tags, IPv4 and IPv6 with extension headers and fragments, tunnels. One per worker.
#pragma once

#include <cstddef>
#include <cstdint>

#include "packet/fragments.h"
#include "packet/packet.h"

namespace weir {

// What became of a frame.
enum class Dissection : std::uint8_t {
  kPacket,     // the packet is filled in
  kForeign,    // no TCP or UDP inside: ARP, ICMP, ESP, an unknown ethertype
  kLinkType,   // a link layer that weir cannot read
  kMalformed,  // headers cut off or contradictory
  kFragment,   // of a datagram that is not whole: pending, lost or evicted by the counters below
};

class Dissector {
 public:
  struct Options {
    bool decapsulate;  // else a tunnel's outer UDP packet is the packet, and GRE and IPIP foreign
    FragmentBounds fragments;
    constexpr Options() : decapsulate(true) {}
  };

  explicit Dissector(const Options& options = {});

  // Fills `packet` with kPacket only; its payload is a view into the frame, or into the reassembled
  // datagram, valid until the next call. A tunnel whose inside cannot be read is an ordinary UDP
  // packet. Packet.interface_id is the frame's, except for Linux cooked v2, where it is
  // cooked_interface() of both numbers.
  Dissection dissect(const Frame& frame, Packet& packet) noexcept;

  // Earlier frames that the last dissect() took from the pending ones because it completed their
  // datagram: its result is theirs too. So, in frames:
  //   seen = results other than kFragment and incomplete ones, each with its absorbed ones,
  //          + lost_fragments() + evicted_fragments() + pending_fragments()
  std::uint32_t absorbed_fragments() const { return absorbed_; }
  std::uint64_t pending_fragments() const { return fragments_.pending_frames(); }
  std::uint64_t lost_fragments() const { return fragments_.lost_frames(); }
  std::uint64_t evicted_fragments() const { return fragments_.evicted_frames(); }
  // The time goes on without a frame: fragments time out.
  void on_time(Nanos now) noexcept { fragments_.begin_frame(now); }
  // The end of the input: nothing stays pending.
  void flush() noexcept { fragments_.flush(); }
  // A datagram that was given up although its beginning is there (a capture filtered by port has
  // first fragments only): true with a packet cut short, which stands for 1 + absorbed_fragments()
  // frames, as kPacket does. To be called after dissect(), on_time() and flush(), until it is
  // false; what is left is lost. Packet.time is that of its first fragment.
  bool take_incomplete(Packet& packet) noexcept {
    return fragments_.has_given_up() && next_incomplete(packet);
  }

  // Never equal to a kernel's ifindex nor to a file's own interface number.
  static constexpr std::uint32_t cooked_interface(std::uint32_t file_interface,
                                                  std::uint32_t ifindex) {
    return 0x80000000U | ((file_interface & 0x7ffU) << 20) | (ifindex & 0xfffffU);
  }

 private:
  // The rest of a frame: what was captured of it, and its length on the wire (>= captured).
  struct View {
    const std::uint8_t* data;
    std::uint32_t captured;
    std::uint32_t wire;

    bool has(std::uint32_t count) const { return captured >= count; }
    View from(std::uint32_t count) const { return {data + count, captured - count, wire - count}; }
    // A header says that `length` bytes follow: padding goes, and what is missing was cut off.
    View of_length(std::uint32_t length) const {
      return {data, captured < length ? captured : length, length};
    }
    Bytes bytes() const { return {data, captured}; }
  };

  // link.cpp
  Dissection link(std::uint32_t type, View, unsigned depth, Packet&);
  Dissection ethernet(View, unsigned depth, Packet&);
  Dissection ether_type(std::uint16_t type, View, unsigned depth, Packet&);
  Dissection llc(View, unsigned depth, Packet&);
  Dissection ppp(View, unsigned depth, Packet&);
  Dissection pppoe(View, unsigned depth, Packet&);
  Dissection cisco_hdlc(View, unsigned depth, Packet&);
  Dissection cooked(View, unsigned depth, Packet&);
  Dissection cooked_v2(View, unsigned depth, Packet&);
  Dissection bsd_loopback(View, unsigned depth, Packet&);
  Dissection infiniband(View, unsigned depth, Packet&);
  Dissection nflog(View, unsigned depth, Packet&);
  Dissection pktap(View, unsigned depth, Packet&);
  Dissection arcnet(View, unsigned header, unsigned depth, Packet&);
  Dissection wifi(View, unsigned depth, Packet&);
  Dissection radiotap(View, unsigned depth, Packet&);
  Dissection mpls(View, unsigned depth, Packet&);
  Dissection macsec(View, unsigned depth, Packet&);
  // network.cpp
  static bool usual(View, Packet&);
  Dissection ip(View, unsigned depth, Packet&);
  Dissection ipv4(View, unsigned depth, Packet&);
  Dissection ipv6(View, unsigned depth, Packet&);
  Dissection ip_payload(std::uint8_t protocol, View, unsigned depth, Packet&);
  Dissection extension(std::uint8_t protocol, View, unsigned depth, Packet&);
  bool next_incomplete(Packet& packet) noexcept;
  Dissection fragment(const Fragments::Piece&, std::uint32_t identification, std::uint32_t protocol,
                      unsigned depth, Packet&);
  Dissection tcp(View, Packet&);
  Dissection udp(View, unsigned depth, Packet&);
  // tunnel.cpp
  Dissection udp_tunnel(std::uint16_t source_port, std::uint16_t destination_port, View,
                        unsigned depth, Packet&);
  Dissection inner_ethernet(View, unsigned depth, Packet&);
  Dissection inner(std::uint16_t type, View, unsigned depth, Packet&);
  Dissection gre(View, unsigned depth, Packet&);
  Dissection gre_pptp(View, std::uint16_t flags, unsigned depth, Packet&);
  Dissection erspan(View, bool has_header, unsigned depth, Packet&);
  Dissection erspan3(View, unsigned depth, Packet&);
  Dissection vxlan(View, unsigned depth, Packet&);
  Dissection vxlan_gpe(View, unsigned depth, Packet&);
  Dissection nsh(View, unsigned depth, Packet&);
  Dissection geneve(View, unsigned depth, Packet&);
  Dissection gtp(View, unsigned depth, Packet&);
  Dissection teredo(View, unsigned depth, Packet&);

  bool decapsulate_;
  Fragments fragments_;
  std::uint32_t absorbed_ = 0;
};

}  // namespace weir
