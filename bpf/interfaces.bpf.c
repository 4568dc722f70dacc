/* interfaces: counts what crosses each interface, each way, at the TC hook. Needs Linux 5.10 for
 * what it reads and BTF, and is attached by TCX (6.6) or clsact.
 *
 *   weir_ingress, weir_egress   let every packet go on to whoever is next
 *
 * The names are how filters left behind by a weir that was killed are known again. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "abi/traffic_slot.h"
#include "lib/crossing.bpf.h"

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

static __always_inline int count(struct __sk_buff* skb, __u32 direction) {
  if (!crosses(skb, direction)) return TC_ACT_UNSPEC;
  struct traffic_slot* slot = slot_of(skb->ifindex, direction);
  if (!slot) return TC_ACT_UNSPEC;
  struct crossing crossing;
  const int more = measure(skb, &crossing, direction);
  if (direction == TRAFFIC_INGRESS && slot->ethernet) crossing.bytes += missing_link_bytes(skb);
  slot->frames += crossing.frames;
  slot->bytes += crossing.bytes;
  if (!more) return TC_ACT_UNSPEC;
  slot->more_packets += crossing.more_packets;
  slot->more_bytes += crossing.more_bytes;
  return TC_ACT_UNSPEC;
}

SEC("tc")
int weir_ingress(struct __sk_buff* skb) { return count(skb, TRAFFIC_INGRESS); }

SEC("tc")
int weir_egress(struct __sk_buff* skb) { return count(skb, TRAFFIC_EGRESS); }

char kLicense[] SEC("license") = "Dual BSD/GPL";
