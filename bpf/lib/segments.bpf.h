/* segments: what a super packet (TSO, GSO, GRO) becomes on the wire. Reads the packet's own kernel
 * structures, as no field of __sk_buff tells where its headers end; needs CAP_PERFMON and BTF. */
#pragma once

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "kernel.h"

enum {
  /* Bits of skb_shared_info.gso_type, the same in all kernels from 6.1 on. */
  kGsoTcp4 = 1 << 0,
  kGsoDodgy = 1 << 1, /* from a guest or user space: to be checked, not to be cut */
  kGsoTcp6 = 1 << 4,
  kGsoSctp = 1 << 14,

  /* Bits of net_device.features. Those of the segmentation types are gso_type shifted. */
  kFeatureFragmentList = 1 << 6,
  kFeatureTagOut = 1 << 7, /* puts an 802.1Q tag into packets going out */
  kFeatureGsoShift = 16,

  kChecksumPartial = 3,     /* of sk_buff.ip_summed */
  kGsoByFragments = 0xffff, /* gso_size: the segments are as long as they are */
  kLegacyMaxBytes = 65536,  /* longer IPv6 packets have a hop-by-hop header that is not sent */
  kJumboHeaderBytes = 8,
  kTcpDataOffset = 12, /* in the TCP header: its length in words, upper half of a byte */
  kUdpHeaderBytes = 8,
  kSctpHeaderBytes = 12,
};

struct segments {
  __u32 count;
  __u32 more_bytes; /* than the super packet has, all segments together; modulo 2^32 */
};

/* The kernel hands programs of the TC hook the packet itself. */
static __always_inline struct sk_buff* kernel_packet(struct __sk_buff* skb) {
  return (struct sk_buff*)skb;
}

struct super_packet {
  struct sk_buff* packet;
  unsigned char* head;
  struct skb_shared_info* shared;
  __u32 gso_type;
  __u32 encapsulated;
};

/* Each of these reads is a call: what more than one question needs is read once. (From variables of
 * their own: a member in the expression would be relocated, too.) */
static __always_inline struct super_packet super_packet_of(struct __sk_buff* skb) {
  struct sk_buff* packet = kernel_packet(skb);
  unsigned char* head = BPF_CORE_READ(packet, head);
  struct skb_shared_info* shared = (struct skb_shared_info*)(head + BPF_CORE_READ(packet, end));
  return (struct super_packet){
      .packet = packet,
      .head = head,
      .shared = shared,
      .gso_type = BPF_CORE_READ(shared, gso_type),
      .encapsulated = BPF_CORE_READ_BITFIELD_PROBED(packet, encapsulation),
  };
}

/* Of the headers that every segment repeats. */
static __always_inline __u32 repeated_header_bytes(const struct super_packet* super) {
  struct sk_buff* packet = super->packet;
  /* Where the checksum of each segment is to be put in, that begins the transport header, however
   * many tunnels it is in. The other field is stale on what has just left a tunnel. */
  const __u32 transport = BPF_CORE_READ_BITFIELD_PROBED(packet, ip_summed) == kChecksumPartial
                              ? BPF_CORE_READ(packet, csum_start)
                              : BPF_CORE_READ(packet, transport_header);
  const __u32 bytes = transport - BPF_CORE_READ(packet, mac_header);
  if (super->gso_type & (kGsoTcp4 | kGsoTcp6)) {
    __u8 data_offset = 0;
    bpf_probe_read_kernel(&data_offset, sizeof data_offset,
                          super->head + transport + kTcpDataOffset);
    return bytes + (data_offset >> 4 << 2);
  }
  return bytes + (super->gso_type & kGsoSctp ? kSctpHeaderBytes : kUdpHeaderBytes);
}

/* Of those headers, what the packet has and no segment. */
static __always_inline __u32 unsent_header_bytes(struct __sk_buff* skb,
                                                 const struct super_packet* super) {
  if (skb->len <= kLegacyMaxBytes || skb->protocol != bpf_htons(ETH_P_IPV6)) return 0;
  struct sk_buff* packet = super->packet;
  __u8 next_header = 0;
  bpf_probe_read_kernel(&next_header, sizeof next_header,
                        super->head + BPF_CORE_READ(packet, network_header) + 6);
  return next_header == 0 ? kJumboHeaderBytes : 0;
}

/* Of TCP right behind Ethernet and IP: the packet itself tells how long its headers are, sooner
 * than the kernel's structures do. 0 for all else, what only looks like it on links of other kinds
 * included. */
static __always_inline __u32 usual_header_bytes(struct __sk_buff* skb) {
  const void* at = (void*)(long)skb->data;
  const void* end = (void*)(long)skb->data_end;
  const struct ethhdr* link = at;
  __u32 network_end;
  if (at + sizeof *link + sizeof(struct ipv6hdr) > end) return 0;
  if (link->h_proto == bpf_htons(ETH_P_IP)) {
    const struct iphdr* ip = at + sizeof *link;
    network_end = sizeof *link + sizeof *ip;
    if (ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_TCP ||
        bpf_ntohs(ip->tot_len) + sizeof *link != skb->len)
      return 0;
  } else if (link->h_proto == bpf_htons(ETH_P_IPV6)) {
    const struct ipv6hdr* ip = at + sizeof *link;
    network_end = sizeof *link + sizeof *ip;
    if (ip->version != 6 || ip->nexthdr != IPPROTO_TCP ||
        bpf_ntohs(ip->payload_len) + network_end != skb->len)
      return 0;
  } else {
    return 0;
  }
  const __u8* data_offset = at + network_end + kTcpDataOffset;
  if ((const void*)(data_offset + 1) > end) return 0;
  return network_end + (*data_offset >> 4 << 2);
}

/* Those of a super packet whose segments each repeat the first `header` bytes. */
static __always_inline struct segments segments_behind(struct __sk_buff* skb, __u32 header) {
  struct segments result = {.count = skb->gso_segs};
  /* Who made the packet may have left the counting to whoever cuts it. */
  if (result.count == 0) {
    const __u32 size = skb->gso_size;
    if (size != kGsoByFragments && skb->len > header)
      result.count = (skb->len - header + size - 1) / size;
    if (result.count == 0) result.count = 1;
  }
  result.more_bytes = (result.count - 1) * header;
  return result;
}

static __always_inline struct segments segments_of(struct __sk_buff* skb,
                                                   const struct super_packet* super, int egress) {
  const __u32 unsent = unsent_header_bytes(skb, super);
  struct segments result = {.count = skb->gso_segs};
  /* The kernel has added these headers up for its queues. */
  if (egress && result.count > 0 && !super->encapsulated && !(super->gso_type & kGsoSctp)) {
    result.more_bytes = skb->wire_len - skb->len - result.count * unsent;
    return result;
  }
  result = segments_behind(skb, repeated_header_bytes(super));
  result.more_bytes -= result.count * unsent;
  return result;
}

static __always_inline __u32 longest_super_packet(struct __sk_buff* skb,
                                                  struct net_device* device) {
  if (skb->protocol == bpf_htons(ETH_P_IP) && bpf_core_field_exists(device->gso_ipv4_max_size))
    return BPF_CORE_READ(device, gso_ipv4_max_size);
  return BPF_CORE_READ(device, gso_max_size);
}

/* Whether the kernel cuts this packet before it hands it to the device it leaves by. */
static __always_inline int is_cut_before_device(struct __sk_buff* skb,
                                                const struct super_packet* super) {
  struct sk_buff* packet = super->packet;
  struct skb_shared_info* shared = super->shared;
  struct net_device* device = BPF_CORE_READ(packet, dev);
  if (skb->gso_segs > BPF_CORE_READ(device, gso_max_segs)) return 1;
  if (skb->len >= longest_super_packet(skb, device)) return 1;
  __u64 features = BPF_CORE_READ(device, features);
  if (skb->vlan_present) features &= BPF_CORE_READ(device, vlan_features) | kFeatureTagOut;
  if (super->encapsulated) features &= BPF_CORE_READ(device, hw_enc_features);
  const __u64 needed = (__u64)(super->gso_type & ~kGsoDodgy) << kFeatureGsoShift;
  if ((features & needed) != needed) return 1;
  return !(features & kFeatureFragmentList) && BPF_CORE_READ(shared, frag_list) != 0;
}
