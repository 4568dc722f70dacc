/* flows: packets and bytes of every flow, at the TC hook, or at XDP for what comes in. Needs Linux
 * 5.18 for what it calls. Every packet belongs to one flow, or to the rest; every packet goes on to
 * whoever is next.
 *
 *   weir_flow_in, weir_flow_out             interfaces with Ethernet headers
 *   weir_flow_in_bare, weir_flow_out_bare   others: from the network header on
 *   weir_flow_xdp                           Ethernet */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "abi/flow_slot.h"
#include "abi/queue_pair.h"
#include "abi/traffic_slot.h"
#include "lib/crossing.bpf.h"
#include "lib/flow_choice.bpf.h"
#include "lib/flow_parse.bpf.h"
#include "lib/flow_table.bpf.h"
#include "lib/queue_pair.bpf.h"

enum {
  kPulledBytes = 256, /* headers of a packet that is in pieces */
};

/* What is counted: a packet of either hook. */
struct sighting {
  struct flow_key key;
  struct crossing crossing;
  __u32 ifindex;
  __u32 transport; /* as in struct packet_cursor */
  __u32 missing;   /* bytes of the link header that are not in front */
  __u8 ecn;
};

/* Functions that are not static are verified once, not for each call. */

static __always_inline void keep(struct sighting* sighting, const struct packet_cursor* at) {
  sighting->transport = at->transport;
  sighting->ecn = at->ecn;
}

__noinline int parse_frame(struct __sk_buff* skb, struct sighting* sighting) {
  if (!sighting) return 0;
  struct packet_cursor at = cursor((void*)(long)skb->data, (void*)(long)skb->data_end);
  if (sighting->missing) {
    read_network(&at, &sighting->key, (__be16)skb->protocol);
  } else {
    read_ethernet(&at, &sighting->key);
  }
  keep(sighting, &at);
  return at.cut;
}

__noinline int parse_bare(struct __sk_buff* skb, struct sighting* sighting) {
  if (!sighting) return 0;
  struct sk_buff* packet = kernel_packet(skb);
  struct packet_cursor at = cursor((void*)(long)skb->data, (void*)(long)skb->data_end);
  const unsigned char* head = BPF_CORE_READ(packet, head);
  const unsigned char* data = BPF_CORE_READ(packet, data);
  const __u64 offset = BPF_CORE_READ(packet, network_header) - (__u64)(data - head);
  if (offset < kPulledBytes) at.at += offset;
  read_network(&at, &sighting->key, (__be16)skb->protocol);
  keep(sighting, &at);
  return at.cut;
}

__noinline int parse_buffer(struct xdp_md* buffer, struct sighting* sighting) {
  if (!sighting) return 0;
  struct packet_cursor at = cursor((void*)(long)buffer->data, (void*)(long)buffer->data_end);
  read_ethernet(&at, &sighting->key);
  keep(sighting, &at);
  return 0;
}

static __always_inline int parse(struct __sk_buff* skb, struct sighting* sighting, int bare) {
  return bare ? parse_bare(skb, sighting) : parse_frame(skb, sighting);
}

/* `context` is the packet or the buffer. */
static __always_inline int load(void* context, int at_xdp, __u32 offset, void* to, __u32 size) {
  return at_xdp ? bpf_xdp_load_bytes(context, offset, to, size)
                : bpf_skb_load_bytes(context, offset, to, size);
}

static __always_inline void count_queue_pair(void* context, int at_xdp,
                                             const struct sighting* sighting) {
  struct base_transport header;
  if (load(context, at_xdp, sighting->transport, &header, sizeof header) != 0) {
    count_untracked();
    return;
  }
  struct queue_pair_key key = {};
  __builtin_memcpy(key.source, sighting->key.source, sizeof key.source);
  __builtin_memcpy(key.destination, sighting->key.destination, sizeof key.destination);
  key.ifindex = sighting->ifindex;
  key.queue_pair = bpf_ntohl(header.queue_pair) & kPsnMask;
  key.kind = sighting->key.kind;
  struct queue_pair* pair = queue_pair_of(&key);
  if (!pair) return;
  __sync_fetch_and_add(&pair->packets, sighting->crossing.frames);
  __sync_fetch_and_add(&pair->bytes, sighting->crossing.bytes);
  if (sighting->ecn == kCongestionExperienced) __sync_fetch_and_add(&pair->congestion_marked, 1);
  pair->last_seen = (__u32)bpf_jiffies64();
  if (header.opcode == ROCE_OPCODE_CNP) {
    __sync_fetch_and_add(&pair->congestion_notifications, 1);
    return;
  }
  union transport_extension extension = {};
  const __u32 size = extension_bytes(header.opcode);
  const __u32 extended = header.opcode >> 5 == kTransportExtended ? kExtendedHeaderBytes : 0;
  const __u32 offset = sighting->transport + sizeof header;
  if (size == 1) load(context, at_xdp, offset, &extension, 1);
  if (size > 1) load(context, at_xdp, offset + extended, &extension, sizeof extension);
  follow(pair, header.opcode, bpf_ntohl(header.sequence) & kPsnMask, &extension);
}

__noinline int count_skb_queue_pair(struct __sk_buff* skb, struct sighting* sighting) {
  if (!sighting) return 0;
  count_queue_pair(skb, 0, sighting);
  return 0;
}

__noinline int count_buffer_queue_pair(struct xdp_md* buffer, struct sighting* sighting) {
  if (!sighting) return 0;
  count_queue_pair(buffer, 1, sighting);
  return 0;
}

/* True where the flow was asked for. */
static __always_inline int count_flow(struct sighting* sighting, int more) {
  if (!is_wanted(&sighting->key)) {
    count_rest(&sighting->key, sighting->ifindex, FLOW_REST_FILTERED, &sighting->crossing, more);
    return 0;
  }
  if (fold_from) fold(&sighting->key);
  if (!add_to_flow(&sighting->key, sighting->ifindex, &sighting->crossing, more))
    count_rest(&sighting->key, sighting->ifindex, FLOW_REST_FULL, &sighting->crossing, more);
  return 1;
}

static __always_inline int count(struct __sk_buff* skb, __u32 direction, int bare) {
  if (!crosses(skb, direction)) return TC_ACT_UNSPEC;
  struct sighting sighting;
  __builtin_memset(&sighting.key, 0, sizeof sighting.key);
  if (direction == TRAFFIC_EGRESS) sighting.key.kind = FLOW_EGRESS;
  if (skb->vlan_present) sighting.key.vlan = (skb->vlan_tci & 0xfff) + 1;
  sighting.missing = bare || direction == TRAFFIC_EGRESS ? 0 : missing_link_bytes(skb);
  if (parse(skb, &sighting, bare) && skb->data_end - skb->data < skb->len) {
    /* Some drivers leave more of the headers outside. */
    bpf_skb_pull_data(skb, skb->len < kPulledBytes ? skb->len : kPulledBytes);
    sighting.key.kind &= FLOW_EGRESS;
    parse(skb, &sighting, bare);
  }
  sighting.ifindex = skb->ifindex;
  const int more = measure(skb, &sighting.crossing, direction);
  sighting.crossing.bytes += sighting.missing;
  if (count_flow(&sighting, more) && sighting.transport) count_skb_queue_pair(skb, &sighting);
  return TC_ACT_UNSPEC;
}

SEC("tc")
int weir_flow_in(struct __sk_buff* skb) { return count(skb, TRAFFIC_INGRESS, 0); }

SEC("tc")
int weir_flow_out(struct __sk_buff* skb) { return count(skb, TRAFFIC_EGRESS, 0); }

SEC("tc")
int weir_flow_in_bare(struct __sk_buff* skb) { return count(skb, TRAFFIC_INGRESS, 1); }

SEC("tc")
int weir_flow_out_bare(struct __sk_buff* skb) { return count(skb, TRAFFIC_EGRESS, 1); }

SEC("xdp.frags")
int weir_flow_xdp(struct xdp_md* buffer) {
  struct sighting sighting;
  __builtin_memset(&sighting.key, 0, sizeof sighting.key);
  sighting.missing = 0;
  parse_buffer(buffer, &sighting);
  sighting.ifindex = buffer->ingress_ifindex;
  sighting.crossing.frames = 1;
  sighting.crossing.bytes = bpf_xdp_get_buff_len(buffer);
  if (count_flow(&sighting, 0) && sighting.transport) count_buffer_queue_pair(buffer, &sighting);
  return XDP_PASS;
}

char kLicense[] SEC("license") = "Dual BSD/GPL";
