/* flow_choice: which flows are asked for, and which are to be one. Set before loading; what is off
 * costs nothing. */
#pragma once

#include <bpf/bpf_endian.h>
#include <linux/in.h>

#include "abi/flow_slot.h"

enum { kExcludedAddresses = 8, kDnsPort = 53, kDnsOverTlsPort = 853 };

const volatile __u32 wanted_types = ~0U; /* a bit for each traffic type */
const volatile __u8 exclude_dns_ports = 0;
/* IPv4, as on the wire; those that are 0 exclude nothing. */
const volatile __u32 excluded_addresses[kExcludedAddresses] = {};
/* Where one port is below it and the other is not, the other is a client's, and becomes 0; 0: none
 * does. */
const volatile __u16 fold_from = 0;

static __always_inline int is_dns_port(__u16 port) {
  return port == bpf_htons(kDnsPort) || port == bpf_htons(kDnsOverTlsPort);
}

static __always_inline int is_excluded_address(const __u64* address) {
  const __u32 v4 = (__u32)(address[1] >> 32);
  int excluded = 0;
#pragma unroll
  for (int i = 0; i < kExcludedAddresses; ++i) excluded |= v4 == excluded_addresses[i];
  return excluded && v4 != 0;
}

static __always_inline int is_wanted(const struct flow_key* key) {
  const __u32 type = (key->kind & FLOW_TYPE_MASK) >> FLOW_TYPE_SHIFT;
  if (!(wanted_types >> type & 1)) return 0;
  if (exclude_dns_ports && (key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_UDP) &&
      (is_dns_port(key->source_port) || is_dns_port(key->destination_port)))
    return 0;
  if (excluded_addresses[0] && (key->kind & FLOW_ADDRESS_MASK) == FLOW_ADDRESS_IPV4 &&
      (is_excluded_address(key->source) || is_excluded_address(key->destination)))
    return 0;
  return 1;
}

static __always_inline void fold(struct flow_key* key) {
  const int source_is_high = bpf_ntohs(key->source_port) >= fold_from;
  const int destination_is_high = bpf_ntohs(key->destination_port) >= fold_from;
  if (source_is_high == destination_is_high) return;
  if (source_is_high) {
    key->source_port = 0;
  } else {
    key->destination_port = 0;
  }
}
