/* requests: the kernel side of packet capture. All of it needs Linux 5.5 (arrays that user space
 * maps) and CAP_BPF.
 *
 *   steer    chooses the worker (PACKET_FANOUT_EBPF)
 *   capture  the filter of each packet socket; with an expression of the user's it goes on in
 *            `expressions`, and from there in judge */
#include <linux/bpf.h>

#include "abi/copy_verdict.h"
#include "lib/innermost.bpf.h"

enum {
  kLoopback = 1, /* lo's index, in every network namespace */

  /* Places in `expressions`. */
  kEthernet = 0,
  kNetworkLayer = 1,
  kJudge = 2,

  kWhole = 256 * 1024, /* of a packet, as CaptureRing::kSnapLength */
  /* More than any link header: how far behind the network header's place a cut stays, as a filter
   * cannot tell whether the frame begins with a link header. */
  kLinkRoom = 64,
};

/* Set before loading. */
const volatile __u64 hash_seed = 0;
const volatile __u32 choose_interfaces = 0; /* only those in `interfaces` are captured */
const volatile __u32 has_expression = 0;    /* which needs their link type, so implies it */
const volatile __u32 follow_tunnels = 0;    /* as the reader of the packets does */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);   /* interface index */
  __type(value, __u32); /* kEthernet or kNetworkLayer: what its packets begin with */
} interfaces SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 3);
  __type(key, __u32);
  __type(value, __u32);
} expressions SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, COPY_VERDICT_SLOTS);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct copy_verdict);
} verdicts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct capture_counts);
} counts SEC(".maps");

static __always_inline struct capture_counts* counts_here(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&counts, &zero);
}

/* What loopback sends it also receives. */
static __always_inline int is_second_sighting(const struct __sk_buff* skb) {
  return skb->ifindex == kLoopback && skb->pkt_type == PACKET_OUTGOING;
}

/* The kernel takes the result modulo the number of workers. What is not IP goes to the first. */
SEC("socket")
int steer(struct __sk_buff* skb) {
  struct innermost flow = {};
  if (is_second_sighting(skb)) return 0;
  find_innermost(skb, &flow, kMaxTunnels);
  if (!flow.found) return 0;
  return (int)flow_hash_symmetric(flow_hash_end(flow.source, flow.source_port, hash_seed),
                                  flow_hash_end(flow.destination, flow.destination_port, hash_seed),
                                  flow.protocol);
}

/* How much of the packet is copied: all, unless there is a verdict on its flow. */
static __always_inline int copied(struct __sk_buff* skb) {
  const int whole = kWhole;
  struct innermost flow = {};
  find_innermost(skb, &flow, follow_tunnels ? kMaxTunnels : 0);
  if (!flow.transport) return whole;
  const __u64 hash = flow_hash_directional(
      flow_hash_end(flow.source, flow.source_port, hash_seed),
      flow_hash_end(flow.destination, flow.destination_port, hash_seed), flow.protocol);
  const __u32 index = (__u32)hash & (COPY_VERDICT_SLOTS - 1);
  volatile struct copy_verdict* slot = bpf_map_lookup_elem(&verdicts, &index);
  if (!slot) return whole;
  if (flow.tcp_flags & TCP_FLAG_SYN_BIT) {
    slot->born = (hash & ~0xffffffffULL) | (flow.sequence & COPY_VERDICT_BIRTH_MASK);
    return whole;
  }
  const __u64 key = slot->key, skip = slot->skip, how = slot->how, born = slot->born;
  if ((key ^ skip ^ how) != hash || hash == 0) return whole;
  if ((born ^ hash) >> 32 == 0 && (__u32)born != how >> COPY_VERDICT_BIRTH_SHIFT) return whole;
  if (flow.tcp_flags & TCP_FLAG_FIN_OR_RST) return whole;
  if (how & COPY_VERDICT_OPAQUE) {
    struct capture_counts* here = counts_here();
    if (here) here->opaque++;
    return 0;
  }
  /* Where the frame has a link header, padding or trailer, this is more than there is. */
  const __u32 payload_bytes = skb->len - flow.payload;
  __u32 kept = (__u32)how;
  const __u32 skip_bytes = (__u32)skip;
  const __u32 into = flow.sequence - ((__u32)(skip >> 32) - skip_bytes);
  if (flow.protocol == kProtoTcp && into < skip_bytes && payload_bytes <= skip_bytes - into) {
    kept = 0;
  } else if (kept == 0) {
    return whole;
  }
  const __u32 length = kLinkRoom + flow.payload + kept;
  if (skb->len <= length) return whole;
  struct capture_counts* here = counts_here();
  if (here) {
    here->shortened++;
    here->spared_bytes += skb->len - length;
  }
  return (int)length;
}

SEC("socket")
int capture(struct __sk_buff* skb) {
  if (is_second_sighting(skb)) return 0;
  if (choose_interfaces) {
    const __u32 index = skb->ifindex;
    const __u32* begins_with = bpf_map_lookup_elem(&interfaces, &index);
    if (!begins_with) return 0;
    if (has_expression) {
      struct capture_counts* here = counts_here();
      if (here) here->examined++;
      bpf_tail_call(skb, &expressions, *begins_with);
      return 0;
    }
  }
  return copied(skb);
}

/* Where the user's expression goes on with a packet that it matches. */
SEC("socket")
int judge(struct __sk_buff* skb) {
  struct capture_counts* here = counts_here();
  if (here) here->matched++;
  return copied(skb);
}

char kLicense[] SEC("license") = "Dual BSD/GPL";
