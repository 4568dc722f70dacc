/* innermost: the addresses and ports inside all tunnels of a packet, for steering: both directions
 * of a connection, and every sighting of it on the way, give the same hash. */
#pragma once

#include "lib/cursor.bpf.h"

enum {
  kMaxTunnels = 3, /* headers of IP inside IP that are followed, the outermost included */
  kMaxTags = 3,    /* VLAN tags before each */
  kMaxExtensions = 6,

  kProtoIpip = 4,
  kProtoTcp = 6,
  kProtoUdp = 17,
  kProtoIpv6 = 41,
  kProtoGre = 47,
  kProtoSctp = 132,

  kExtHopByHop = 0,
  kExtRouting = 43,
  kExtFragment = 44,
  kExtAuthentication = 51,
  kExtDestination = 60,

  kPortVxlan = 4789,
  kPortVxlanLinux = 8472,
  kPortGeneve = 6081,

  kEtherTypeTransparent = 0x6558, /* Ethernet inside GRE and Geneve */
  kEtherTypeQinqOld = 0x9100,
};

struct innermost {
  __u32 source[4];
  __u32 destination[4];
  __u16 source_port; /* ports are 0 where there are none, and in every fragment */
  __u16 destination_port;
  __u8 protocol;
  __u8 found; /* an IP header was read */
  __u8 fragment;
};

static __always_inline int is_vlan(__u16 ether_type) {
  return ether_type == ETH_P_8021Q || ether_type == ETH_P_8021AD || ether_type == kEtherTypeQinqOld;
}

/* Passes over an Ethernet header; leaves its type. */
static __always_inline int pass_ethernet(const struct __sk_buff* skb, struct cursor* at,
                                         __u16* ether_type) {
  __be16 type;
  if (cursor_read(skb, at, 12, &type, sizeof(type)) != 0) return -1;
  *ether_type = bpf_ntohs(type);
  at->offset += ETH_HLEN;
  return 0;
}

static __always_inline int pass_tags(const struct __sk_buff* skb, struct cursor* at,
                                     __u16* ether_type) {
  for (int i = 0; i < kMaxTags && is_vlan(*ether_type); i++) {
    __be16 type;
    if (cursor_read(skb, at, 2, &type, sizeof(type)) != 0) return -1;
    *ether_type = bpf_ntohs(type);
    at->offset += 4;
  }
  return 0;
}

static __always_inline int pass_ipv4(const struct __sk_buff* skb, struct cursor* at,
                                     struct innermost* flow) {
  struct {
    __u8 version_length, tos;
    __be16 total_length, id, fragment;
    __u8 ttl, protocol;
    __be16 checksum;
    __be32 source, destination;
  } ip;
  if (cursor_read(skb, at, 0, &ip, sizeof(ip)) != 0) return -1;
  const __u32 length = (__u32)(ip.version_length & 0x0f) * 4;
  if (ip.version_length >> 4 != 4 || length < sizeof(ip)) return -1;
  __builtin_memset(flow, 0, sizeof(*flow));
  flow->source[3] = ip.source;
  flow->destination[3] = ip.destination;
  flow->protocol = ip.protocol;
  flow->found = 1;
  flow->fragment = (ip.fragment & bpf_htons(0x3fff)) != 0;
  at->offset += length;
  return 0;
}

static __always_inline int is_extension(__u8 protocol) {
  return protocol == kExtHopByHop || protocol == kExtRouting || protocol == kExtFragment ||
         protocol == kExtAuthentication || protocol == kExtDestination;
}

static __always_inline int pass_ipv6(const struct __sk_buff* skb, struct cursor* at,
                                     struct innermost* flow) {
  struct {
    __be32 version_class_label;
    __be16 payload_length;
    __u8 next, hops;
    __u32 source[4], destination[4];
  } ip;
  if (cursor_read(skb, at, 0, &ip, sizeof(ip)) != 0) return -1;
  if ((ip.version_class_label & bpf_htonl(0xf0000000)) != bpf_htonl(0x60000000)) return -1;
  __builtin_memset(flow, 0, sizeof(*flow));
  __builtin_memcpy(flow->source, ip.source, sizeof(ip.source));
  __builtin_memcpy(flow->destination, ip.destination, sizeof(ip.destination));
  flow->protocol = ip.next;
  flow->found = 1;
  at->offset += sizeof(ip);
  for (int i = 0; i < kMaxExtensions && is_extension(flow->protocol); i++) {
    struct {
      __u8 next, length;
      __be16 fragment;
    } extension;
    if (cursor_read(skb, at, 0, &extension, sizeof(extension)) != 0) return -1;
    const __u8 kind = flow->protocol;
    flow->protocol = extension.next;
    if (kind == kExtFragment) {
      /* The offset and "more follow"; an atomic fragment has neither and is whole. What the first
       * one holds behind this header its followers do not show: none looks further. */
      flow->fragment = (extension.fragment & bpf_htons(0xfff9)) != 0;
      if (flow->fragment) return 0;
      at->offset += 8;
    } else if (kind == kExtAuthentication) {
      at->offset += ((__u32)extension.length + 2) * 4;
    } else {
      at->offset += ((__u32)extension.length + 1) * 8;
    }
  }
  return 0;
}

/* Whether a tunnel's payload of this type can be followed; 1 then, with Ethernet passed over. */
static __always_inline int enter(const struct __sk_buff* skb, struct cursor* at,
                                 __u16* ether_type) {
  if (*ether_type == kEtherTypeTransparent) return pass_ethernet(skb, at, ether_type) == 0;
  return *ether_type == ETH_P_IP || *ether_type == ETH_P_IPV6;
}

/* The ports; 1 when a VXLAN or Geneve tunnel follows. */
static __always_inline int pass_udp(const struct __sk_buff* skb, struct cursor* at,
                                    struct innermost* flow, __u16* ether_type) {
  struct {
    __be16 source, destination, length, checksum;
    __u8 flags;      /* VXLAN: bit 3, "the network identifier is valid"; Geneve: version, length */
    __u8 more;       /* Geneve: control, critical */
    __be16 protocol; /* Geneve */
  } header;
  if (cursor_read(skb, at, 0, &header, 4) != 0) return 0;
  flow->source_port = header.source;
  flow->destination_port = header.destination;
  const __u16 port = bpf_ntohs(header.destination);
  if (port != kPortVxlan && port != kPortVxlanLinux && port != kPortGeneve) return 0;
  if (cursor_read(skb, at, 0, &header, sizeof(header)) != 0) return 0;
  if (port == kPortGeneve) {
    if (header.flags >> 6 != 0) return 0;
    *ether_type = bpf_ntohs(header.protocol);
    at->offset += 8 + 8 + (__u32)(header.flags & 0x3f) * 4;
    return enter(skb, at, ether_type);
  }
  if ((header.flags & 0x08) == 0) return 0;
  *ether_type = kEtherTypeTransparent;
  at->offset += 8 + 8;
  return enter(skb, at, ether_type);
}

static __always_inline int pass_gre(const struct __sk_buff* skb, struct cursor* at,
                                    __u16* ether_type) {
  struct {
    __be16 flags, protocol;
  } gre;
  if (cursor_read(skb, at, 0, &gre, sizeof(gre)) != 0) return 0;
  const __u16 flags = bpf_ntohs(gre.flags);
  if ((flags & 0x4007) != 0) return 0; /* source routes; versions other than 0 */
  *ether_type = bpf_ntohs(gre.protocol);
  at->offset += 4 + (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
  return enter(skb, at, ether_type);
}

/* 1 when another IP header may follow at the cursor. */
static __always_inline int pass_transport(const struct __sk_buff* skb, struct cursor* at,
                                          struct innermost* flow, __u16* ether_type) {
  if (flow->fragment) return 0;
  switch (flow->protocol) {
    case kProtoIpip:
      *ether_type = ETH_P_IP;
      return 1;
    case kProtoIpv6:
      *ether_type = ETH_P_IPV6;
      return 1;
    case kProtoGre:
      return pass_gre(skb, at, ether_type);
    case kProtoUdp:
      return pass_udp(skb, at, flow, ether_type);
    case kProtoTcp:
    case kProtoSctp: {
      __be16 ports[2];
      if (cursor_read(skb, at, 0, ports, sizeof(ports)) != 0) return 0;
      flow->source_port = ports[0];
      flow->destination_port = ports[1];
      return 0;
    }
    default:
      return 0;
  }
}

/* What cannot be read leaves the flow as the headers before it gave it. */
static __always_inline void find_innermost(const struct __sk_buff* skb, struct innermost* flow) {
  struct cursor at = {.start = BPF_HDR_START_NET, .offset = 0};
  __u16 ether_type = bpf_ntohs((__be16)skb->protocol);
  if (is_vlan(ether_type)) {
    /* With the tag in the frame the network header is the tag on the way in, but what follows it
     * on the way out, so count from the frame's start. Only Ethernet carries tags. */
    at.start = BPF_HDR_START_MAC;
    if (pass_ethernet(skb, &at, &ether_type) != 0) return;
  }
  for (int i = 0; i < kMaxTunnels; i++) {
    if (pass_tags(skb, &at, &ether_type) != 0) return;
    if (ether_type == ETH_P_IP) {
      if (pass_ipv4(skb, &at, flow) != 0) return;
    } else if (ether_type == ETH_P_IPV6) {
      if (pass_ipv6(skb, &at, flow) != 0) return;
    } else {
      return;
    }
    if (!pass_transport(skb, &at, flow, &ether_type)) return;
  }
}

static __always_inline __u64 mix(__u64 value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  return value;
}

static __always_inline __u64 hash_end(const __u32* address, __u16 port) {
  const __u64 high = ((__u64)address[0] << 32) | address[1];
  const __u64 low = ((__u64)address[2] << 32) | address[3];
  return mix(mix(high * 0x9e3779b97f4a7c15ULL + low) + port);
}

/* The same for both directions: the ends are added. */
static __always_inline __u32 symmetric_hash(const struct innermost* flow) {
  const __u64 ends = hash_end(flow->source, flow->source_port) +
                     hash_end(flow->destination, flow->destination_port);
  return (__u32)(mix(ends + flow->protocol) >> 16);
}
