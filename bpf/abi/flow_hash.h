/* flow_hash: the two hashes of a flow's innermost ends, one implementation for kernel and user
 * space. Addresses are 16 bytes in network order as four native words, IPv4 v4-mapped; ports are
 * in network order. */
#pragma once

#include <linux/types.h>

/* The third word of a v4-mapped address, ::ffff:a.b.c.d. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FLOW_HASH_V4_MAPPED 0xffff0000U
#else
#define FLOW_HASH_V4_MAPPED 0x0000ffffU
#endif

static inline __attribute__((always_inline)) __u64 flow_hash_mix(__u64 value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  return value;
}

static inline __attribute__((always_inline)) __u64 flow_hash_end(const __u32* address, __u16 port,
                                                                 __u64 seed) {
  const __u64 high = ((__u64)address[0] << 32) | address[1];
  const __u64 low = ((__u64)address[2] << 32) | address[3];
  return flow_hash_mix(flow_hash_mix((high ^ seed) * 0x9e3779b97f4a7c15ULL + low) + port);
}

/* The same for both directions: the ends are added. For steering. */
static inline __attribute__((always_inline)) __u32 flow_hash_symmetric(__u64 source_end,
                                                                       __u64 destination_end,
                                                                       __u8 protocol) {
  return (__u32)(flow_hash_mix(source_end + destination_end + protocol) >> 16);
}

/* Of one direction; the place and the name of its copy verdict. */
static inline __attribute__((always_inline)) __u64 flow_hash_directional(__u64 source_end,
                                                                         __u64 destination_end,
                                                                         __u8 protocol) {
  return flow_hash_mix(source_end * 0xc2b2ae3d27d4eb4fULL + destination_end + protocol);
}
