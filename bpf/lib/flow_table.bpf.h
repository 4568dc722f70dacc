/* flow_table: the flows of each processor, and what finds no room there (abi/flow_slot.h). */
#pragma once

#include <bpf/bpf_helpers.h>

#include "abi/flow_slot.h"
#include "lib/crossing.bpf.h"

enum { kRestKind = FLOW_EGRESS | FLOW_TYPE_MASK };

/* Set before loading. */
const volatile __u32 buckets = 1; /* of each processor; a power of two */
const volatile __u64 hash_seed = 0;
const volatile __u64 wake_bytes = 0; /* of leavers that wait, before user space is woken */

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1); /* set before loading */
  __type(key, __u32);
  __type(value, struct flow_slot[FLOW_WAYS]);
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1); /* as `flows` */
  __type(key, __u32);
  __type(value, struct flow_more[FLOW_WAYS]);
} flows_more SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096); /* set before loading */
} leaving SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 1); /* set before loading */
  __type(key, struct flow_rest_key);
  __type(value, struct flow_rest);
} rest SEC(".maps");

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

/* Tells what a slot has counted, before another flow takes it. False where that cannot be told now:
 * then it stays. */
static __always_inline int leave(const struct flow_slot* slot, const struct flow_more* more,
                                 __u32 index) {
  struct flow_leaver* leaver = bpf_ringbuf_reserve(&leaving, sizeof *leaver, 0);
  if (!leaver) return 0;
  leaver->slot = *slot;
  leaver->more = *more;
  leaver->index = index;
  leaver->reserved = 0;
  const int many = bpf_ringbuf_query(&leaving, BPF_RB_AVAIL_DATA) >= wake_bytes;
  bpf_ringbuf_submit(leaver, many ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
  return 1;
}

/* Makes room in this bucket for a flow that has none; its way, or FLOW_WAYS where none can be made.
 */
__noinline __u64 take_way(const struct flow_key* key, __u32 ifindex, __u32 now, __u32 index) {
  struct flow_slot* bucket = bpf_map_lookup_elem(&flows, &index);
  struct flow_more* bucket_more = bpf_map_lookup_elem(&flows_more, &index);
  if (!bucket || !bucket_more || !key) return FLOW_WAYS;
  __u32 oldest = 0, longest = 0;
#pragma unroll
  for (__u32 way = 0; way < FLOW_WAYS; ++way) {
    const __u32 idle = bucket[way].ifindex ? now - bucket[way].last_seen : ~0U;
    if (idle > longest) {
      longest = idle;
      oldest = way;
    }
  }
  if (oldest >= FLOW_WAYS) return FLOW_WAYS;
  struct flow_slot* slot = bucket + oldest;
  struct flow_more* more = bucket_more + oldest;
  if (slot->ifindex && !leave(slot, more, index * FLOW_WAYS + oldest)) return FLOW_WAYS;
  /* Readers take it for empty meanwhile. */
  __sync_lock_test_and_set(&slot->owner, 0);
  slot->key = *key;
  slot->packets = slot->bytes = 0;
  more->packets = more->bytes = 0;
  __sync_lock_test_and_set(&slot->owner, (__u64)now << 32 | ifindex);
  return oldest;
}

/* Adds a packet to its flow; false where the flow finds no room. */
static __always_inline int add_to_flow(const struct flow_key* key, __u32 ifindex,
                                       const struct crossing* crossing, int more) {
  const __u32 now = (__u32)bpf_jiffies64();
  const __u32 index =
      bpf_get_smp_processor_id() * buckets + ((__u32)hash_of(key, ifindex) & (buckets - 1));
  struct flow_slot* bucket = bpf_map_lookup_elem(&flows, &index);
  if (!bucket) return 0;
  __u64 way = 0;
#pragma unroll
  for (; way < FLOW_WAYS; ++way) {
    if (is_flow(bucket + way, key, ifindex)) break;
  }
  if (way == FLOW_WAYS) way = take_way(key, ifindex, now, index);
  if (way >= FLOW_WAYS) return 0;
  struct flow_slot* slot = bucket + way;
  slot->packets += crossing->frames;
  slot->bytes += crossing->bytes;
  slot->last_seen = now;
  if (!more) return 1;
  struct flow_more* beyond = bpf_map_lookup_elem(&flows_more, &index);
  if (!beyond) return 1;
  beyond[way].packets += crossing->more_packets;
  beyond[way].bytes += crossing->more_bytes;
  return 1;
}

/* Counts a packet that is in no flow. */
__noinline int count_rest(const struct flow_key* key, __u32 ifindex, __u32 reason,
                          const struct crossing* crossing, int more) {
  if (!key || !crossing) return 0;
  struct flow_rest_key at = {.ifindex = ifindex, .kind = key->kind & kRestKind, .reason = reason};
  struct flow_rest* count = bpf_map_lookup_elem(&rest, &at);
  if (!count) {
    const struct flow_rest none = {};
    bpf_map_update_elem(&rest, &at, &none, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&rest, &at);
  }
  if (!count) {
    at.ifindex = 0; /* user space has made this one */
    at.kind = 0;
    count = bpf_map_lookup_elem(&rest, &at);
  }
  if (!count) return 0;
  count->packets += crossing->frames;
  count->bytes += crossing->bytes;
  if (!more) return 0;
  count->more.packets += crossing->more_packets;
  count->more.bytes += crossing->more_bytes;
  return 0;
}
