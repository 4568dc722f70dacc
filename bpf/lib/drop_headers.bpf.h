/* drop_headers: the headers of a packet that may be anywhere in the stack, to the key of its flow.
 * Only what lies in its linear part is read, in copies: a tracepoint may not look at it otherwise.
 * What is cut off leaves the key as far as it was read. */
#pragma once

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "abi/drop.h"
#include "kernel.h"

enum {
  kUnsetHeader = 0xffff, /* of sk_buff.mac_header */
  kMaxDropTags = 2,
  kMaxDropExtensions = 6,
  kDropFragmentOffset = 0x1fff,
  kDropMappedPrefix = 0xffff,
  kGreChecksum = 0x8000,
  kGreKey = 0x2000,
  kGreSequence = 0x1000,
  kGreUnusual = 0x4fff, /* routing, or another version */
};

/* Where a packet's headers are. */
struct packet_view {
  const unsigned char* at;
  const unsigned char* end; /* of the linear part */
  const unsigned char* link;
  __u32 length;     /* from the network header on, wherever the packet begins by now */
  __u16 ether_type; /* of what is at `at` */
  __u16 tag;
  __u8 tagged;
  __u8 tos, ttl;
};

static __always_inline int view_read(const struct packet_view* view, void* to, __u32 size) {
  if (view->at + size > view->end) return -1;
  return (int)bpf_probe_read_kernel(to, size, view->at);
}

static __always_inline void drop_ports(struct packet_view* view, struct flow_key* key) {
  __be16 ports[2];
  const __u8 protocol = key->protocol;
  const int is_udp = protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE;
  if (!is_udp && protocol != IPPROTO_TCP && protocol != IPPROTO_SCTP && protocol != IPPROTO_ICMP &&
      protocol != IPPROTO_ICMPV6)
    return;
  if (protocol == IPPROTO_TCP) key->kind |= FLOW_TYPE_TCP;
  if (is_udp) key->kind |= FLOW_TYPE_UDP;
  if (view_read(view, ports, sizeof ports) != 0) return;
  if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
    key->source_port = ports[0]; /* type and code */
    return;
  }
  key->source_port = ports[0];
  key->destination_port = ports[1];
}

/* The protocol of what follows; 0 with a later fragment. */
static __always_inline int drop_ipv4(struct packet_view* view, struct flow_key* key) {
  struct iphdr ip;
  if (view_read(view, &ip, sizeof ip) != 0 || ip.version != 4 || ip.ihl < 5) return 0;
  const __u64 mapped = (__u64)bpf_htonl(kDropMappedPrefix);
  key->kind = (key->kind & ~FLOW_ADDRESS_MASK) | FLOW_ADDRESS_IPV4;
  key->source[0] = key->destination[0] = 0;
  key->source[1] = mapped | (__u64)ip.saddr << 32;
  key->destination[1] = mapped | (__u64)ip.daddr << 32;
  key->protocol = ip.protocol;
  view->tos = ip.tos;
  view->ttl = ip.ttl;
  view->at += ip.ihl * 4;
  return !(ip.frag_off & bpf_htons(kDropFragmentOffset));
}

struct drop_extension {
  __u8 next, length;
  __be16 fragment; /* of a fragment header */
  __be32 rest;
};

static __always_inline int drop_ipv6(struct packet_view* view, struct flow_key* key) {
  struct ipv6hdr ip;
  if (view_read(view, &ip, sizeof ip) != 0 || ip.version != 6) return 0;
  key->kind = (key->kind & ~FLOW_ADDRESS_MASK) | FLOW_ADDRESS_IPV6;
  __builtin_memcpy(key->source, &ip.saddr, sizeof key->source);
  __builtin_memcpy(key->destination, &ip.daddr, sizeof key->destination);
  view->tos = (__u8)(ip.priority << 4 | ip.flow_lbl[0] >> 4);
  view->ttl = ip.hop_limit;
  view->at += sizeof ip;
  __u8 next = ip.nexthdr;
  int first_fragment = 1;
  for (int i = 0; i < kMaxDropExtensions; ++i) {
    const int is_fragment = next == IPPROTO_FRAGMENT;
    if (!is_fragment && next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
        next != IPPROTO_DSTOPTS && next != IPPROTO_AH)
      break;
    struct drop_extension extension;
    if (view_read(view, &extension, sizeof extension) != 0) break;
    if (is_fragment) first_fragment = !(extension.fragment & bpf_htons(0xfff8));
    view->at += is_fragment          ? 8
                : next == IPPROTO_AH ? (extension.length + 2u) * 4
                                     : (extension.length + 1u) * 8;
    next = extension.next;
    if (!first_fragment) break;
  }
  key->protocol = next;
  return first_fragment;
}

/* True where addresses were read, and what follows is at `at`. */
static __always_inline int drop_network(struct packet_view* view, struct flow_key* key) {
  if (view->ether_type == ETH_P_IP) return drop_ipv4(view, key);
  if (view->ether_type == ETH_P_IPV6) return drop_ipv6(view, key);
  key->destination_port = bpf_htons(view->ether_type);
  return 0;
}

/* True where a packet in a tunnel is at `at` now. */
static __always_inline int drop_enter_tunnel(struct packet_view* view, __u8 protocol) {
  if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6) {
    view->ether_type = protocol == IPPROTO_IPIP ? ETH_P_IP : ETH_P_IPV6;
    return 1;
  }
  if (protocol != IPPROTO_GRE) return 0;
  __be16 header[2];
  if (view_read(view, header, sizeof header) != 0) return 0;
  const __u16 flags = bpf_ntohs(header[0]), type = bpf_ntohs(header[1]);
  if (flags & kGreUnusual || (type != ETH_P_IP && type != ETH_P_IPV6)) return 0;
  view->ether_type = type;
  view->at += sizeof header + (flags & kGreChecksum ? 4 : 0) + (flags & kGreKey ? 4 : 0) +
              (flags & kGreSequence ? 4 : 0);
  return 1;
}

/* Tags in the frame; `at` is behind the Ethernet type. */
static __always_inline void drop_tags(struct packet_view* view) {
  for (int i = 0; i < kMaxDropTags; ++i) {
    if (view->ether_type != ETH_P_8021Q && view->ether_type != ETH_P_8021AD) return;
    __be16 tag[2];
    if (view_read(view, tag, sizeof tag) != 0) return;
    if (!view->tagged) view->tag = bpf_ntohs(tag[0]);
    view->tagged = 1;
    view->ether_type = bpf_ntohs(tag[1]);
    view->at += sizeof tag;
  }
}

/* Where the network header begins. Going out, the packet may have no link header yet; coming in,
 * the driver may not have said where the network header is. */
static __always_inline void drop_view(struct packet_view* view, struct sk_buff* skb,
                                      struct net_device* dev) {
  const unsigned char* head = skb->head;
  const __u16 link = skb->mac_header, network = skb->network_header;
  view->end = skb->data + (skb->len - skb->data_len);
  view->ether_type = bpf_ntohs(skb->protocol);
  view->tag = 0;
  view->tagged = view->tos = view->ttl = 0;
  if (bpf_core_field_exists(skb->vlan_present) ? BPF_CORE_READ_BITFIELD_PROBED(skb, vlan_present)
                                               : skb->vlan_all != 0) {
    view->tag = skb->vlan_tci;
    view->tagged = 1;
  }
  const int has_link = link != kUnsetHeader;
  const __u32 link_bytes = dev ? BPF_CORE_READ(dev, hard_header_len) : 0;
  view->link =
      has_link && link_bytes == ETH_HLEN && (!network || network != link) ? head + link : 0;
  if (!has_link || network > link || (network == link && link_bytes == 0)) {
    view->at = head + network;
    const int tag_is_behind = has_link && network >= link + ETH_HLEN + 4;
    if (tag_is_behind && (view->ether_type == ETH_P_8021Q || view->ether_type == ETH_P_8021AD))
      view->at -= 4;
  } else {
    view->at = head + link + ETH_HLEN;
    if (view->link && !view->ether_type) {
      __be16 type = 0;
      bpf_probe_read_kernel(&type, sizeof type, view->link + ETH_HLEN - 2);
      view->ether_type = bpf_ntohs(type);
    }
  }
  view->length = skb->len + (__u32)(skb->data - view->at);
}

static __always_inline void read_drop_headers(struct packet_view* view, struct flow_key* key) {
  drop_tags(view);
  if (view->tagged) key->vlan = (view->tag & 0xfff) + 1;
  if (!drop_network(view, key)) return;
  if (drop_enter_tunnel(view, key->protocol)) {
    key->kind |= DROP_IN_TUNNEL;
    if (!drop_network(view, key)) return;
  }
  drop_ports(view, key);
}
