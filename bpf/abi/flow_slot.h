/* flow_slot: the counters of one flow on one processor. Slots are an array that user space has
 * mapped, [processor][bucket][FLOW_WAYS]; a flow is in the bucket that its key's hash names. What
 * is rare is in a second array of the same form. The programs of the processor are the only
 * writers. User space only reads: a slot is whole when two copies of it have the same key and
 * neither ifindex is 0.
 *
 * A slot that another flow needs is told first, as an event of the ring buffer; when that is full,
 * the flow stays, and the packet of the other is counted in the map `rest`. So a flow that user
 * space has seen in a slot is there until its event comes. */
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
  FLOW_TYPES = 6,
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
  __u64 packets, bytes; /* frames as the device counts them */
};

/* What the wire has beyond that. */
struct flow_more {
  __u64 packets, bytes;
};

/* Told when a flow leaves its slot. */
struct flow_leaver {
  struct flow_slot slot;
  struct flow_more more;
  __u32 index; /* of the slot in the array */
  __u32 reserved;
};

/* Packets that are in no flow. */
enum flow_rest_reason {
  FLOW_REST_FULL = 0,    /* the flow could not be kept */
  FLOW_REST_FILTERED = 1 /* not asked for */
};

struct flow_rest_key {
  __u32 ifindex; /* 0 with kind 0: where the map itself is full */
  __u8 kind;     /* direction and type */
  __u8 reason;
  __u16 reserved;
};

struct flow_rest {
  __u64 packets, bytes;
  struct flow_more more;
};
