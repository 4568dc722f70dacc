/* copy_verdict: what of one direction of a flow need not be copied out of the kernel. User space
 * writes, the capture filter reads, both by plain 64-bit accesses of an array that both have
 * mapped: a slot holds for the flow whose hash is key ^ skip ^ how, so that one seen half written
 * holds for none, whatever the order of the accesses, and the packet is copied whole. */
#pragma once

#include <linux/types.h>

#define COPY_VERDICT_SLOTS 65536 /* by the lowest bits of the hash; the newer flow has the slot */

struct copy_verdict {
  __u64 key;
  /* TCP: of segments that lie wholly in the `bytes` sequence numbers before `end` only the headers
   * are copied: end in the upper half, bytes in the lower. */
  __u64 skip;
  /* COPY_VERDICT_OPAQUE; below it how many bytes of each payload are copied, 0 = all; above it 31
   * bits of the connection's initial sequence number, 0 where its SYN was not seen. */
  __u64 how;
  /* Written by the filter at each SYN: the upper half of the flow's hash, and those 31 bits. What
   * user space says of an earlier connection between the same ends, as it is late to hear of the
   * new one, does not hold for that. */
  __u64 born;
};

/* Nothing is taken of the flow but what begins and ends a TCP connection. */
#define COPY_VERDICT_OPAQUE (1ULL << 32)
#define COPY_VERDICT_BIRTH_SHIFT 33
#define COPY_VERDICT_BIRTH_MASK 0x7fffffffU

/* Packets that the filter kept back, by reason; one per processor. */
struct capture_counts {
  __u64 examined;     /* by the user's expression */
  __u64 matched;      /* of them */
  __u64 opaque;       /* kept back by COPY_VERDICT_OPAQUE */
  __u64 shortened;    /* copied without what nobody needs */
  __u64 spared_bytes; /* of shortened packets */
};
