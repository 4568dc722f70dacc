/* The few kernel structs that weir's programs read, reduced to the fields they name. Where these
 * lie in the running kernel is found at load time. */
#pragma once

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device {
  __u64 features, vlan_features, hw_enc_features;
  __u16 gso_max_segs;
  unsigned int gso_max_size, gso_ipv4_max_size; /* the latter since Linux 6.3 */
};

struct sk_buff {
  struct net_device* dev;
  unsigned char *head, *data;
  unsigned int end;                                   /* offset from head */
  __u16 mac_header, network_header, transport_header; /* likewise */
  __u8 encapsulation : 1;
  __u8 ip_summed : 2;
  __u16 csum_start; /* offset from head */
};

struct skb_shared_info {
  struct sk_buff* frag_list;
  unsigned int gso_type;
};

#pragma clang attribute pop
