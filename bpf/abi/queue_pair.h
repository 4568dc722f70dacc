/* queue_pair: what RDMA traffic to one queue pair, of one flow direction, says of itself in its
 * base transport headers. All processors write, by atomic additions. */
#pragma once

#include <linux/types.h>

enum {
  ROCE_OPERATIONS = 32, /* lower five bits of the opcode; the upper three are the transport */
  ROCE_OPCODE_CNP = 0x81,
};

struct queue_pair_key {
  __u64 source[2], destination[2]; /* as in struct flow_key */
  __u32 ifindex;
  __u32 queue_pair; /* the destination's number, 24 bits */
  __u8 kind;        /* of the flow: direction, type, addresses */
  __u8 reserved[7];
};

struct queue_pair {
  __u64 packets, bytes; /* frames as the device counts them */
  __u64 operations[ROCE_OPERATIONS];
  __u64 congestion_notifications; /* CNP; not among the operations */
  __u64 congestion_marked;        /* ECN "congestion experienced" */
  __u64 gaps, missing;            /* packet sequence numbers passed over: how often, how many */
  __u64 repeated;                 /* behind what has come */
  __u64 restarts;                 /* numbers so far off that they are another connection's */
  __u64 negative_acknowledges;    /* receiver not ready (RNR) apart */
  __u64 receiver_not_ready;
  __u32 transports;    /* a bit for each of the eight */
  __u32 next_request;  /* sequence number expected next; PSN_UNKNOWN at first */
  __u32 request_slack; /* numbers that a read request may have used up beyond its own */
  __u32 next_response;
  __u32 last_seen; /* jiffies, lower half */
  __u32 reserved;
};

#define PSN_UNKNOWN 0xffffffffU
