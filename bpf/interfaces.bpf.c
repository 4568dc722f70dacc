/* interfaces: counts what crosses each interface, each way, at the TC hook. Needs Linux 5.10 for
 * what it reads and BTF, and is attached by TCX (6.6) or clsact.
 *
 *   weir_ingress, weir_egress   let every packet go on to whoever is next
 *
 * The names are how filters left behind by a weir that was killed are known again. */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "abi/traffic_slot.h"
#include "lib/segments.bpf.h"

enum { kTagBytes = 4 };

/* Set before loading. */
const volatile __u32 places = 1; /* interfaces that have slots; a power of two */

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1); /* set before loading */
  __type(key, __u32);
  __type(value, struct traffic_slot);
} traffic SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1); /* set before loading */
  __type(key, __u32);     /* interface index */
  __type(value, __u32);   /* its place */
} displaced SEC(".maps");

static __always_inline struct traffic_slot* slot_at(__u32 place, __u32 direction) {
  const __u32 index =
      (bpf_get_smp_processor_id() * places + place) * TRAFFIC_DIRECTIONS + direction;
  return bpf_map_lookup_elem(&traffic, &index);
}

static __always_inline struct traffic_slot* slot_of(__u32 ifindex, __u32 direction) {
  struct traffic_slot* slot = slot_at(ifindex & (places - 1), direction);
  if (slot && slot->ifindex == ifindex) return slot;
  const __u32* place = bpf_map_lookup_elem(&displaced, &ifindex);
  if (!place) return 0;
  slot = slot_at(*place & (places - 1), direction);
  return slot && slot->ifindex == ifindex ? slot : 0;
}

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

static __noinline int count_tag(struct __sk_buff* skb, struct traffic_slot* slot, __u32 direction) {
  if (!slot) return 0;
  if (direction == TRAFFIC_INGRESS ? tag_was_in_frame(skb) : tag_is_put_in(skb)) {
    slot->bytes += kTagBytes;
  } else {
    slot->more_bytes += kTagBytes;
  }
  return 0;
}

static __noinline int count_segments(struct __sk_buff* skb, struct traffic_slot* slot,
                                     __u32 direction) {
  if (!slot) return 0;
  const struct super_packet super = super_packet_of(skb);
  const int egress = direction == TRAFFIC_EGRESS;
  const struct segments segments = segments_of(skb, &super, egress);
  /* Each segment has the tag that the packet has. */
  const __u32 more_tags = skb->vlan_present ? (segments.count - 1) * kTagBytes : 0;
  const __u64 more_bytes = (__u64)(__s64)(__s32)segments.more_bytes + more_tags;
  if (egress && is_cut_before_device(skb, &super)) {
    slot->frames += segments.count - 1;
    slot->bytes += more_bytes;
  } else {
    slot->more_packets += segments.count - 1;
    slot->more_bytes += more_bytes;
  }
  return 0;
}

static __always_inline int count(struct __sk_buff* skb, __u32 direction) {
  /* What this host sends to a group that it listens to itself comes back without the device. */
  if (direction == TRAFFIC_INGRESS && skb->pkt_type == PACKET_LOOPBACK) return TC_ACT_UNSPEC;
  struct traffic_slot* slot = slot_of(skb->ifindex, direction);
  if (!slot) return TC_ACT_UNSPEC;
  slot->frames++;
  slot->bytes += skb->len;
  if (skb->vlan_present) count_tag(skb, slot, direction);
  if (skb->gso_size) count_segments(skb, slot, direction);
  return TC_ACT_UNSPEC;
}

SEC("tc")
int weir_ingress(struct __sk_buff* skb) { return count(skb, TRAFFIC_INGRESS); }

SEC("tc")
int weir_egress(struct __sk_buff* skb) { return count(skb, TRAFFIC_EGRESS); }

char kLicense[] SEC("license") = "Dual BSD/GPL";
