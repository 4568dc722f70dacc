/* traffic_slot: the counters of one interface and direction on one processor. The kernel's programs
 * of that processor add to it, user space reads; both have the array mapped. The array is
 *   [processor][place][direction]
 * and an interface's place is ifindex & (places - 1), or what the map `displaced` says when another
 * interface has that one. */
#pragma once

#include <linux/types.h>

enum traffic_direction { TRAFFIC_INGRESS = 0, TRAFFIC_EGRESS = 1, TRAFFIC_DIRECTIONS = 2 };

struct traffic_slot {
  __u32 ifindex;  /* whose; written by user space before a program is attached */
  __u32 ethernet; /* 1: its frames begin with an Ethernet header */
  __u64 frames, bytes;
  /* What packets on the wire have beyond that: super packets are several, with a header each, and
   * a tag that is kept beside the packet is on the wire in front of it. */
  __u64 more_packets, more_bytes;
  __u64 unused[3]; /* slots share no cache lines */
};
