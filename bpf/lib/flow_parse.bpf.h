/* flow_parse: a packet's headers to the key of its flow. Reads packets directly; what is cut off
 * leaves the key as far as it was read, so that every packet belongs to some flow, and is told, as
 * the rest of the packet may lie elsewhere. */
#pragma once

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "abi/flow_slot.h"

enum {
  kRoceV2Port = 4791,
  kEtherTypeRoceV1 = 0x8915,
  kEtherTypeInfiniband = 0x8914,
  kMaxTags = 2,
  kMaxExtensions = 6,
  kFragmentOffset = 0x1fff,
  kMappedPrefix = 0xffff,
};

struct vlan_tag {
  __be16 tci, ether_type;
};

struct ports {
  __be16 source, destination;
};

struct packet_cursor {
  const void* begin;
  const void* at;
  const void* end;
  __u32 transport; /* offset of RoCE's base transport header; 0: none */
  __u8 ecn;        /* of IPv4 or IPv6 */
  __u8 cut;        /* a header was not there */
};

static __always_inline struct packet_cursor cursor(const void* begin, const void* end) {
  return (struct packet_cursor){.begin = begin, .at = begin, .end = end};
}

#define HAVE(cursor, what) \
  ((cursor)->at + sizeof(what) <= (cursor)->end ? 1 : ((cursor)->cut = 1, 0))

static __always_inline void read_ports(struct packet_cursor* at, struct flow_key* key) {
  if (!HAVE(at, struct ports)) return;
  const struct ports* ports = at->at;
  key->source_port = ports->source;
  key->destination_port = ports->destination;
}

static __always_inline __u32 offset_of(const struct packet_cursor* at) {
  return (__u32)(at->at - at->begin);
}

static __always_inline void read_transport(struct packet_cursor* at, struct flow_key* key,
                                           int first_fragment) {
  const __u8 protocol = key->protocol;
  if (protocol == IPPROTO_TCP) key->kind |= FLOW_TYPE_TCP;
  if (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE) key->kind |= FLOW_TYPE_UDP;
  const int has_ports = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ||
                        protocol == IPPROTO_SCTP || protocol == IPPROTO_UDPLITE;
  if (!has_ports || !first_fragment) return;
  read_ports(at, key);
  if (protocol != IPPROTO_UDP) return;
  const int to_roce = key->destination_port == bpf_htons(kRoceV2Port);
  if (!to_roce && key->source_port != bpf_htons(kRoceV2Port)) return;
  key->kind = (key->kind & ~FLOW_TYPE_MASK) | FLOW_TYPE_ROCE_V2;
  if (to_roce) at->transport = offset_of(at) + sizeof(struct udphdr);
}

static __always_inline void read_ipv4(struct packet_cursor* at, struct flow_key* key) {
  if (!HAVE(at, struct iphdr)) return;
  const struct iphdr* ip = at->at;
  if (ip->version != 4 || ip->ihl < 5) return;
  key->kind |= FLOW_ADDRESS_IPV4;
  const __u64 mapped = (__u64)bpf_htonl(kMappedPrefix);
  key->source[1] = mapped | (__u64)ip->saddr << 32;
  key->destination[1] = mapped | (__u64)ip->daddr << 32;
  key->protocol = ip->protocol;
  at->ecn = ip->tos & 3;
  const int first_fragment = !(ip->frag_off & bpf_htons(kFragmentOffset));
  at->at += ip->ihl * 4;
  read_transport(at, key, first_fragment);
}

struct extension {
  __u8 next, length;
  __be16 fragment; /* of a fragment header */
  __be32 rest;
};

static __always_inline void read_ipv6(struct packet_cursor* at, struct flow_key* key) {
  if (!HAVE(at, struct ipv6hdr)) return;
  const struct ipv6hdr* ip = at->at;
  if (ip->version != 6) return;
  key->kind |= FLOW_ADDRESS_IPV6;
  __builtin_memcpy(key->source, &ip->saddr, sizeof key->source);
  __builtin_memcpy(key->destination, &ip->daddr, sizeof key->destination);
  __u8 next = ip->nexthdr;
  at->ecn = ip->flow_lbl[0] >> 4 & 3;
  int first_fragment = 1;
  at->at += sizeof *ip;
  for (int i = 0; i < kMaxExtensions; ++i) {
    const int is_fragment = next == IPPROTO_FRAGMENT;
    if (!is_fragment && next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
        next != IPPROTO_DSTOPTS && next != IPPROTO_AH)
      break;
    if (!HAVE(at, struct extension)) break;
    const struct extension* extension = at->at;
    /* AH counts in words, less two; the others in eights, less one; a fragment header is one. */
    const __u32 length = is_fragment          ? 8
                         : next == IPPROTO_AH ? (extension->length + 2u) * 4
                                              : (extension->length + 1u) * 8;
    if (is_fragment) first_fragment = !(extension->fragment & bpf_htons(0xfff8));
    next = extension->next;
    at->at += length;
    if (!first_fragment) break; /* what follows is from the middle of the packet */
  }
  key->protocol = next;
  read_transport(at, key, first_fragment);
}

/* RoCE v1: a global route header, whose GIDs are addresses. */
static __always_inline void read_roce_v1(struct packet_cursor* at, struct flow_key* key) {
  key->kind |= FLOW_TYPE_ROCE_V1;
  if (!HAVE(at, struct ipv6hdr)) return;
  const struct ipv6hdr* route = at->at;
  key->kind |= FLOW_ADDRESS_GID;
  __builtin_memcpy(key->source, &route->saddr, sizeof key->source);
  __builtin_memcpy(key->destination, &route->daddr, sizeof key->destination);
  at->transport = offset_of(at) + sizeof *route;
}

static __always_inline void read_network(struct packet_cursor* at, struct flow_key* key,
                                         __be16 ether_type) {
  if (ether_type == bpf_htons(ETH_P_IP)) {
    read_ipv4(at, key);
  } else if (ether_type == bpf_htons(ETH_P_IPV6)) {
    read_ipv6(at, key);
  } else if (ether_type == bpf_htons(kEtherTypeRoceV1)) {
    read_roce_v1(at, key);
  } else if (ether_type == bpf_htons(kEtherTypeInfiniband)) {
    key->kind |= FLOW_TYPE_INFINIBAND;
  }
  if ((key->kind & FLOW_ADDRESS_MASK) == FLOW_ADDRESS_NONE) key->destination_port = ether_type;
}

/* A frame with an Ethernet header. The key has its direction, and the VLAN of a tag that is beside
 * the packet. */
static __always_inline void read_ethernet(struct packet_cursor* at, struct flow_key* key) {
  if (!HAVE(at, struct ethhdr)) return;
  __be16 ether_type = ((const struct ethhdr*)at->at)->h_proto;
  at->at += sizeof(struct ethhdr);
  for (int i = 0; i < kMaxTags; ++i) {
    if (ether_type != bpf_htons(ETH_P_8021Q) && ether_type != bpf_htons(ETH_P_8021AD)) break;
    if (!HAVE(at, struct vlan_tag)) return;
    const struct vlan_tag* tag = at->at;
    if (!key->vlan) key->vlan = (bpf_ntohs(tag->tci) & 0xfff) + 1;
    ether_type = tag->ether_type;
    at->at += sizeof *tag;
  }
  read_network(at, key, ether_type);
}
