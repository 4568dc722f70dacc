/* flow_designs: what bench/flow_cost.cpp holds weir's flow programs against. Each counts what those
 * count of a flow, packets, bytes and the time of the last, in tables of other kinds; all of them
 * run behind the same program, which makes the next packet. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "lib/flow_parse.bpf.h"
#include "lib/flow_table.bpf.h"

/* The program that runs next. */
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} measured SEC(".maps");

/* Which flow a packet is of: bits of a sequence that has each 32-bit number once. The upper ones
 * come in no order, the lower ones in turns. */
__u32 sequence = 0;
__u32 flow_shift = 0;
__u32 flow_mask = 0;
__u32 first_address = 0;

/* Gives the packet, which the test run keeps from run to run, the source address of its flow. */
SEC("tc")
int next_packet(struct __sk_buff* skb) {
  struct iphdr* ip = (void*)(long)skb->data + sizeof(struct ethhdr);
  if ((void*)(ip + 1) > (void*)(long)skb->data_end) return TC_ACT_UNSPEC;
  sequence = sequence * 1664525u + 1013904223u;
  ip->saddr = bpf_htonl(first_address + (sequence >> (flow_shift & 31) & flow_mask));
  bpf_tail_call(skb, &measured, 0);
  return TC_ACT_UNSPEC;
}

/* Makes the compiler believe that it is read. */
#define KEEP(what) asm volatile("" : : "r"(&(what)) : "memory")

/* The least: Ethernet, IPv4 and UDP or TCP, and nothing else. */
struct ipv4_key {
  __be32 source, destination;
  __be16 source_port, destination_port;
  __u32 protocol;
};

SEC("tc")
int parse_ipv4(struct __sk_buff* skb) {
  const void* at = (void*)(long)skb->data;
  const void* end = (void*)(long)skb->data_end;
  const struct ethhdr* link = at;
  const struct iphdr* ip = at + sizeof *link;
  if ((const void*)(ip + 1) > end || link->h_proto != bpf_htons(ETH_P_IP) || ip->ihl < 5)
    return TC_ACT_UNSPEC;
  if (ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_TCP) return TC_ACT_UNSPEC;
  const struct ports* ports = (const void*)ip + ip->ihl * 4;
  if ((const void*)(ports + 1) > end) return TC_ACT_UNSPEC;
  const struct ipv4_key key = {.source = ip->saddr,
                               .destination = ip->daddr,
                               .source_port = ports->source,
                               .destination_port = ports->destination,
                               .protocol = ip->protocol};
  KEEP(key);
  return TC_ACT_UNSPEC;
}

/* As weir's programs call it. */
struct parsed {
  struct flow_key key;
  __u32 transport;
  __u8 ecn;
};

__noinline int parse(struct __sk_buff* skb, struct parsed* parsed) {
  if (!parsed) return 0;
  struct packet_cursor at = cursor((void*)(long)skb->data, (void*)(long)skb->data_end);
  read_ethernet(&at, &parsed->key);
  parsed->transport = at.transport;
  parsed->ecn = at.ecn;
  return at.cut;
}

static __always_inline void parse_into(struct __sk_buff* skb, struct parsed* parsed) {
  __builtin_memset(&parsed->key, 0, sizeof parsed->key);
  if (skb->vlan_present) parsed->key.vlan = (skb->vlan_tci & 0xfff) + 1;
  parse(skb, parsed);
}

SEC("tc")
int parse_flow(struct __sk_buff* skb) {
  struct parsed parsed;
  parse_into(skb, &parsed);
  KEEP(parsed);
  return TC_ACT_UNSPEC;
}

struct flow_count {
  __u64 packets, bytes;
  __u64 last_seen;
};

/* Sizes are set before loading. */
#define FLOW_MAP(name, kind)          \
  struct {                            \
    __uint(type, kind);               \
    __uint(max_entries, 1);           \
    __type(key, struct flow_key);     \
    __type(value, struct flow_count); \
  } name SEC(".maps")

FLOW_MAP(percpu_flows, BPF_MAP_TYPE_PERCPU_HASH);
FLOW_MAP(lru_flows, BPF_MAP_TYPE_LRU_HASH);

SEC("tc")
int percpu_hash(struct __sk_buff* skb) {
  struct parsed parsed;
  parse_into(skb, &parsed);
  struct flow_count* count = bpf_map_lookup_elem(&percpu_flows, &parsed.key);
  if (count) {
    count->packets += 1;
    count->bytes += skb->len;
    count->last_seen = bpf_jiffies64();
    return TC_ACT_UNSPEC;
  }
  const struct flow_count first = {1, skb->len, bpf_jiffies64()};
  bpf_map_update_elem(&percpu_flows, &parsed.key, &first, BPF_NOEXIST);
  return TC_ACT_UNSPEC;
}

SEC("tc")
int lru_hash(struct __sk_buff* skb) {
  struct parsed parsed;
  parse_into(skb, &parsed);
  struct flow_count* count = bpf_map_lookup_elem(&lru_flows, &parsed.key);
  if (count) {
    __sync_fetch_and_add(&count->packets, 1);
    __sync_fetch_and_add(&count->bytes, skb->len);
    count->last_seen = bpf_jiffies64();
    return TC_ACT_UNSPEC;
  }
  const struct flow_count first = {1, skb->len, bpf_jiffies64()};
  bpf_map_update_elem(&lru_flows, &parsed.key, &first, BPF_NOEXIST);
  return TC_ACT_UNSPEC;
}

enum { kProbes = 4 };

const volatile __u32 probed_slots = 1; /* of each processor; a power of two */

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1); /* set before loading */
  __type(key, __u32);
  __type(value, struct flow_slot);
} probed_flows SEC(".maps");

/* Slots one after another, from the one that the hash names: weir's table without its buckets, and
 * without making room. */
SEC("tc")
int linear_probing(struct __sk_buff* skb) {
  struct parsed parsed;
  parse_into(skb, &parsed);
  const __u32 ifindex = skb->ifindex;
  const __u32 hash = (__u32)hash_of(&parsed.key, ifindex);
  const __u32 first = bpf_get_smp_processor_id() * probed_slots;
#pragma unroll
  for (__u32 i = 0; i < kProbes; ++i) {
    const __u32 index = first + ((hash + i) & (probed_slots - 1));
    struct flow_slot* slot = bpf_map_lookup_elem(&probed_flows, &index);
    if (!slot) return TC_ACT_UNSPEC;
    if (!slot->ifindex) {
      slot->key = parsed.key;
      slot->ifindex = ifindex;
    } else if (!is_flow(slot, &parsed.key, ifindex)) {
      continue;
    }
    slot->packets += 1;
    slot->bytes += skb->len;
    slot->last_seen = (__u32)bpf_jiffies64();
    return TC_ACT_UNSPEC;
  }
  return TC_ACT_UNSPEC;
}

char kLicense[] SEC("license") = "Dual BSD/GPL";
