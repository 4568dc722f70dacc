/* crossing: what one packet adds to the counters of whatever it is counted for. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_packet.h>

#include "abi/traffic_slot.h"
#include "lib/segments.bpf.h"

enum { kTagBytes = 4 };

/* Frames and bytes as the device counts them, and what the wire has beyond that: super packets are
 * several, with a header each, and a tag that is kept beside the packet is on the wire in front of
 * it. */
struct crossing {
  __u64 frames, bytes, more_packets, more_bytes;
};

/* A tag that came within the frame was counted by the device, and has been taken off before this
 * hook; one that the device or another interface of this host handed over beside the packet was
 * not. Taking it off moves both addresses four bytes on, and leaves what was in front of them. */
static __always_inline int tag_was_in_frame(struct __sk_buff* skb) {
  struct sk_buff* packet = kernel_packet(skb);
  const unsigned char* link = BPF_CORE_READ(packet, head) + BPF_CORE_READ(packet, mac_header);
  __u32 moved = 0, left = 0;
  bpf_probe_read_kernel(&moved, sizeof moved, link);
  bpf_probe_read_kernel(&left, sizeof left, link - kTagBytes);
  return moved == left && moved != 0; /* zeros may just be there */
}

static __always_inline int tag_is_put_in(struct __sk_buff* skb) {
  struct sk_buff* packet = kernel_packet(skb);
  return !(BPF_CORE_READ(packet, dev, features) & kFeatureTagOut);
}

__noinline int measure_tag(struct __sk_buff* skb, struct crossing* crossing, __u32 direction) {
  if (!crossing) return 0;
  if (direction == TRAFFIC_INGRESS ? tag_was_in_frame(skb) : tag_is_put_in(skb)) {
    crossing->bytes += kTagBytes;
  } else {
    crossing->more_bytes += kTagBytes;
  }
  return 0;
}

__noinline int measure_segments(struct __sk_buff* skb, struct crossing* crossing, __u32 direction) {
  if (!crossing) return 0;
  const int egress = direction == TRAFFIC_EGRESS;
  struct segments segments;
  int cut_before_device = 0;
  const __u32 header = egress ? 0 : usual_header_bytes(skb);
  if (header) {
    segments = segments_behind(skb, header);
  } else {
    const struct super_packet super = super_packet_of(skb);
    segments = segments_of(skb, &super, egress);
    cut_before_device = egress && is_cut_before_device(skb, &super);
  }
  /* Each segment has the tag that the packet has. */
  const __u32 more_tags = skb->vlan_present ? (segments.count - 1) * kTagBytes : 0;
  const __u64 more_bytes = (__u64)(__s64)(__s32)segments.more_bytes + more_tags;
  if (cut_before_device) {
    crossing->frames += segments.count - 1;
    crossing->bytes += more_bytes;
  } else {
    crossing->more_packets += segments.count - 1;
    crossing->more_bytes += more_bytes;
  }
  return 0;
}

/* Behind a program of XDP in the stack that takes packets of several buffers, the kernel hands the
 * packet over from the network header on, and has not counted the link header in its length. How
 * many bytes are missing in front. */
__noinline __u32 passed_link_bytes(struct __sk_buff* skb) {
  struct sk_buff* packet = kernel_packet(skb);
  const unsigned char* head = BPF_CORE_READ(packet, head);
  const unsigned char* data = BPF_CORE_READ(packet, data);
  const __u64 gap = (__u64)(data - head) - BPF_CORE_READ(packet, mac_header);
  return gap == sizeof(struct ethhdr) ? sizeof(struct ethhdr) : 0;
}

/* The same, on an interface whose frames have Ethernet headers: asked only where the type that lies
 * where that header would have it is not the packet's. */
static __always_inline __u32 missing_link_bytes(struct __sk_buff* skb) {
  const struct ethhdr* link = (void*)(long)skb->data;
  if ((void*)(link + 1) <= (void*)(long)skb->data_end && link->h_proto == (__be16)skb->protocol)
    return 0;
  return passed_link_bytes(skb);
}

/* What this host sends to a group that it listens to itself comes back without the device. */
static __always_inline int crosses(const struct __sk_buff* skb, __u32 direction) {
  return direction == TRAFFIC_EGRESS || skb->pkt_type != PACKET_LOOPBACK;
}

/* True where the packet adds more than a frame and its bytes. */
static __always_inline int measure(struct __sk_buff* skb, struct crossing* crossing,
                                   __u32 direction) {
  crossing->frames = 1;
  crossing->bytes = skb->len;
  if (!skb->vlan_present && !skb->gso_size) return 0;
  crossing->more_packets = crossing->more_bytes = 0;
  if (skb->vlan_present) measure_tag(skb, crossing, direction);
  if (skb->gso_size) measure_segments(skb, crossing, direction);
  return 1;
}
