/* flows: packets and bytes of every flow, at the TC hook. Needs Linux 5.10. Every packet belongs to
 * one flow; every packet goes on to whoever is next. */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "abi/flow_slot.h"
#include "abi/traffic_slot.h"
#include "lib/flow_parse.bpf.h"

/* Set before loading. */
const volatile __u32 buckets = 1; /* of each processor; a power of two */
const volatile __u64 hash_seed = 0;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1); /* set before loading */
  __type(key, __u32);
  __type(value, struct flow_slot[FLOW_WAYS]);
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096); /* set before loading */
} leaving SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct flow_lost);
} lost SEC(".maps");

static __always_inline __u64 mix(__u64 a, __u64 b) {
  a ^= b;
  a *= 0x9e3779b97f4a7c15ULL;
  return a ^ a >> 32;
}

static __always_inline __u64 hash_of(const struct flow_key* key, __u32 ifindex) {
  const __u64* words = (const __u64*)key;
  __u64 hash = mix(hash_seed, words[0] ^ ifindex);
  hash = mix(hash, words[1]);
  hash = mix(hash, words[2]);
  hash = mix(hash, words[3]);
  return mix(hash, words[4]);
}

static __always_inline int is_flow(const struct flow_slot* slot, const struct flow_key* key,
                                   __u32 ifindex) {
  const __u64* a = (const __u64*)&slot->key;
  const __u64* b = (const __u64*)key;
  return slot->ifindex == ifindex && a[4] == b[4] && a[1] == b[1] && a[3] == b[3] && a[0] == b[0] &&
         a[2] == b[2];
}

/* Tells what a slot has counted, before another flow takes it. */
static __noinline int leave(struct flow_slot* slot) {
  if (!slot) return 0;
  if (bpf_ringbuf_output(&leaving, slot, sizeof *slot, BPF_RB_NO_WAKEUP) == 0) return 0;
  const __u32 zero = 0;
  struct flow_lost* count = bpf_map_lookup_elem(&lost, &zero);
  if (!count) return 0;
  count->flows++;
  count->packets += slot->packets;
  count->bytes += slot->bytes;
  return 0;
}

static __always_inline struct flow_slot* slot_of(const struct flow_key* key, __u32 ifindex,
                                                 __u32 now) {
  const __u32 index =
      bpf_get_smp_processor_id() * buckets + ((__u32)hash_of(key, ifindex) & (buckets - 1));
  struct flow_slot* bucket = bpf_map_lookup_elem(&flows, &index);
  if (!bucket) return 0;
  struct flow_slot* oldest = bucket;
  __u32 longest = 0;
#pragma unroll
  for (int way = 0; way < FLOW_WAYS; ++way) {
    struct flow_slot* slot = bucket + way;
    if (is_flow(slot, key, ifindex)) return slot;
    const __u32 idle = slot->ifindex ? now - slot->last_seen : ~0U;
    if (idle > longest || way == 0) {
      longest = idle;
      oldest = slot;
    }
  }
  if (oldest->ifindex) leave(oldest);
  /* Readers take it for empty meanwhile. */
  __sync_lock_test_and_set(&oldest->owner, 0);
  oldest->key = *key;
  oldest->packets = 0;
  oldest->bytes = 0;
  __sync_lock_test_and_set(&oldest->owner, (__u64)now << 32 | ifindex);
  return oldest;
}

static __always_inline int count(struct __sk_buff* skb, __u32 direction) {
  if (direction == TRAFFIC_INGRESS && skb->pkt_type == PACKET_LOOPBACK) return TC_ACT_UNSPEC;
  struct flow_key key = {};
  if (direction == TRAFFIC_EGRESS) key.kind = FLOW_EGRESS;
  if (skb->vlan_present) key.vlan = (skb->vlan_tci & 0xfff) + 1;
  struct packet_cursor at = {(void*)(long)skb->data, (void*)(long)skb->data_end};
  read_ethernet(&at, &key);
  const __u32 now = (__u32)bpf_jiffies64();
  struct flow_slot* slot = slot_of(&key, skb->ifindex, now);
  if (!slot) return TC_ACT_UNSPEC;
  slot->packets++;
  slot->bytes += skb->len;
  slot->last_seen = now;
  return TC_ACT_UNSPEC;
}

SEC("tc")
int weir_flow_in(struct __sk_buff* skb) { return count(skb, TRAFFIC_INGRESS); }

SEC("tc")
int weir_flow_out(struct __sk_buff* skb) { return count(skb, TRAFFIC_EGRESS); }

char kLicense[] SEC("license") = "Dual BSD/GPL";
