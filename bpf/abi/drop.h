/* drop: what the kernel's program tells of packets that were thrown away. Every one of them is
 * counted: in the table of its flow, reason and place, or, where that is full, in the rest by
 * reason and place. There are two tables, so that one can be read and emptied while the other
 * counts. Times are CLOCK_MONOTONIC nanoseconds. */
#pragma once

#include <linux/types.h>

#include "abi/flow_slot.h"

enum {
  DROP_INTERFACE_NAME = 16,
  DROP_REASONS = 256, /* of the kernel's core, that can be chosen by number */
  DROP_REASON_TEXT = 64,

  /* flow_key.kind: the addresses are of a packet in a tunnel (IP in IP, GRE). A drop has no
   * direction: FLOW_EGRESS is not used. */
  DROP_IN_TUNNEL = 1 << 6,
};

/* What becomes of a drop, by reason. */
enum drop_verdict {
  DROP_TOLD = 0,
  DROP_NOISE = 1,    /* counted only */
  DROP_CONSUMED = 2, /* no drop */
};

struct drop_key {
  struct flow_key flow;
  __u64 location; /* an instruction after the call that dropped it */
  __u32 reason;
  __u32 ifindex; /* 0: not known */
  __u32 network_namespace;
  __u32 reserved;
};

struct drop_count {
  __u64 packets, bytes; /* from the network header on */
  __u64 first, last;
  __u64 cookie; /* of the last packet's socket; 0: it has none, or the kernel has not numbered it */
  char interface[DROP_INTERFACE_NAME];
};

/* Those that found no room among the flows; flow is all 0. */
struct drop_rest {
  __u64 packets, bytes;
};

enum drop_total {
  DROP_TOTAL_SEEN = 0, /* calls, consumed ones included */
  DROP_TOTAL_CONSUMED = 1,
  DROP_TOTAL_NOISE = 2,
  DROP_TOTAL_LOCAL = 3, /* of sockets that are no network's: Unix, netlink */
  DROP_TOTAL_KEPT = 4,
  DROP_TOTAL_REST = 5,
  DROP_TOTAL_LOST = 6, /* in neither */
  DROP_TOTAL_EVENTS = 7,
  DROP_TOTAL_EVENTS_LIMITED = 8, /* beyond the limit of single packets */
  DROP_TOTAL_EVENTS_LOST = 9,    /* no room in the ring buffer */
  DROP_TOTALS = 10,
};

/* One packet. */
struct drop_event {
  struct drop_key key;
  __u64 time;
  __u64 cookie;
  __u32 length;     /* bytes, from the network header on */
  __u16 ether_type; /* in host order */
  __u16 tag;        /* of the outer VLAN tag, in host order; flow.vlan says whether there is one */
  __u8 source[6], destination[6]; /* hardware addresses; 0 where there is no link header */
  __u8 has_link;
  __u8 tos, ttl;
  __u8 reserved;
  char interface[DROP_INTERFACE_NAME];
};

/* weir_drop_reason_text: of one reason, from the kernel's own tables. */
struct drop_reason_query {
  __u32 reason;
  __s32 status; /* of the call: length of text with its end, or below 0 */
  char text[DROP_REASON_TEXT];
};
