/* flow_slot: the counters of one flow on one processor. Slots are an array that user space has
 * mapped, [processor][bucket][FLOW_WAYS]; a flow is in the bucket that its key's hash names. The
 * programs of the processor are the only writers. User space only reads: a slot is whole when two
 * copies of it have the same key and neither ifindex is 0.
 *
 * A slot that another flow needs is told first: as an event of the ring buffer, or, when that is
 * full, added to the processor's struct flow_lost. */
#pragma once

#include <linux/types.h>

enum {
  FLOW_WAYS = 4,

  /* flow_key.kind: how the addresses are to be read, what the flow carries, and its direction. */
  FLOW_EGRESS = 1 << 0,
  FLOW_ADDRESS_SHIFT = 1,
  FLOW_ADDRESS_NONE = 0 << FLOW_ADDRESS_SHIFT, /* neither IP nor GID: protocol is 0, ... */
  FLOW_ADDRESS_IPV4 = 1 << FLOW_ADDRESS_SHIFT, /* ... destination_port the Ethernet type */
  FLOW_ADDRESS_IPV6 = 2 << FLOW_ADDRESS_SHIFT,
  FLOW_ADDRESS_GID = 3 << FLOW_ADDRESS_SHIFT,
  FLOW_ADDRESS_MASK = 3 << FLOW_ADDRESS_SHIFT,
  FLOW_TYPE_SHIFT = 3,
  FLOW_TYPE_OTHER = 0 << FLOW_TYPE_SHIFT,
  FLOW_TYPE_TCP = 1 << FLOW_TYPE_SHIFT,
  FLOW_TYPE_UDP = 2 << FLOW_TYPE_SHIFT,
  FLOW_TYPE_ROCE_V2 = 3 << FLOW_TYPE_SHIFT,
  FLOW_TYPE_ROCE_V1 = 4 << FLOW_TYPE_SHIFT,
  FLOW_TYPE_INFINIBAND = 5 << FLOW_TYPE_SHIFT,
  FLOW_TYPE_MASK = 7 << FLOW_TYPE_SHIFT,
};

struct flow_key {
  __u64 source[2], destination[2];     /* as on the wire; IPv4 mapped into IPv6 */
  __u16 source_port, destination_port; /* network order */
  __u8 protocol;                       /* of IP */
  __u8 kind;
  __u16 vlan; /* the outer tag's identifier, plus 1; 0 where there is no tag */
};

struct flow_slot {
  struct flow_key key;
  union {
    struct {
      __u32 ifindex;   /* 0: empty, or being written */
      __u32 last_seen; /* jiffies, lower half */
    };
    __u64 owner; /* both at once */
  };
  __u64 packets, bytes;
};

/* What could not be told, of one processor. */
struct flow_lost {
  __u64 flows, packets, bytes;
};
