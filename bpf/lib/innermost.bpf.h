/* innermost: the addresses and ports inside all tunnels of a packet: both directions of a
 * connection, and every sighting of it on the way, are known as such. */
#pragma once

#include "abi/flow_hash.h"
#include "lib/cursor.bpf.h"

enum {
  kMaxTunnels = 2, /* IP inside IP that is followed */
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
  __u32 source[4]; /* IPv4 is v4-mapped */
  __u32 destination[4];
  __u16 source_port; /* ports are 0 where there are none, and in every fragment */
  __u16 destination_port;
  __u8 protocol;
  __u8 found; /* an IP header was read */
  __u8 fragment;
  __u8 transport; /* the transport header was read, and the next three are known */
  __u8 tcp_flags;
  __u32 sequence;
  __u32 payload; /* where it begins, from the network header; with a tag in the frame some later */
};

#define TCP_FLAG_FIN_OR_RST 0x05
#define TCP_FLAG_SYN_BIT 0x02

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
  flow->source[2] = flow->destination[2] = FLOW_HASH_V4_MAPPED;
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
  flow->payload = at->offset + 8;
  flow->transport = 1;
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

static __always_inline void pass_tcp(const struct __sk_buff* skb, const struct cursor* at,
                                     struct innermost* flow) {
  struct {
    __be16 source, destination;
    __be32 sequence, acknowledgment;
    __u8 length, flags;
  } header;
  if (cursor_read(skb, at, 0, &header, 4) != 0) return;
  flow->source_port = header.source;
  flow->destination_port = header.destination;
  if (cursor_read(skb, at, 0, &header, 14) != 0) return;
  flow->sequence = bpf_ntohl(header.sequence);
  flow->tcp_flags = header.flags;
  flow->payload = at->offset + (__u32)(header.length >> 4) * 4;
  flow->transport = 1;
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
      pass_tcp(skb, at, flow);
      return 0;
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

/* What nearly every packet is: IPv4 without options or fragments, TCP or no tunnel's UDP. One read
 * for all; 0 when it is something else. */
static __always_inline int find_plain(const struct __sk_buff* skb, struct innermost* flow) {
  struct {
    __u8 version_length, tos;
    __be16 total_length, id, fragment;
    __u8 ttl, protocol;
    __be16 checksum;
    __be32 source, destination;
    __be16 source_port, destination_port;
    __be32 sequence, acknowledgment;
    __u8 length, flags;
    __u8 rest[6];
  } header;
  if (skb->protocol != bpf_htons(ETH_P_IP)) return 0;
  if (bpf_skb_load_bytes_relative(skb, 0, &header, sizeof(header), BPF_HDR_START_NET) != 0) {
    return 0;
  }
  if (header.version_length != 0x45 || (header.fragment & bpf_htons(0x3fff)) != 0) return 0;
  if (header.protocol == kProtoTcp) {
    flow->sequence = bpf_ntohl(header.sequence);
    flow->tcp_flags = header.flags;
    flow->payload = 20 + (__u32)(header.length >> 4) * 4;
  } else if (header.protocol == kProtoUdp) {
    const __u16 port = bpf_ntohs(header.destination_port);
    if (port == kPortVxlan || port == kPortVxlanLinux || port == kPortGeneve) return 0;
    flow->payload = 20 + 8;
  } else {
    return 0;
  }
  flow->source[2] = flow->destination[2] = FLOW_HASH_V4_MAPPED;
  flow->source[3] = header.source;
  flow->destination[3] = header.destination;
  flow->source_port = header.source_port;
  flow->destination_port = header.destination_port;
  flow->protocol = header.protocol;
  flow->found = flow->transport = 1;
  return 1;
}

/* What cannot be read leaves the flow as the headers before it gave it. Of `tunnels` + 1 IP headers
 * the last. */
static __always_inline void find_innermost(const struct __sk_buff* skb, struct innermost* flow,
                                           int tunnels) {
  if (find_plain(skb, flow)) return;
  struct cursor at = {.start = BPF_HDR_START_NET, .offset = 0};
  __u16 ether_type = bpf_ntohs((__be16)skb->protocol);
  if (is_vlan(ether_type)) {
    /* With the tag in the frame the network header is the tag on the way in, but what follows it
     * on the way out, so count from the frame's start. Only Ethernet carries tags. */
    at.start = BPF_HDR_START_MAC;
    if (pass_ethernet(skb, &at, &ether_type) != 0) return;
  }
  for (int i = 0; i <= tunnels; i++) {
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
