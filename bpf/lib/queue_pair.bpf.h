/* queue_pair: follows the packet sequence numbers of RDMA traffic. */
#pragma once

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi/flow_slot.h"
#include "abi/queue_pair.h"

enum {
  kTransportReliable = 0, /* upper three bits of the opcode */
  kTransportUnreliable =
      1, /* both count their packets one by one; datagrams of many senders do not */
  kTransportExtended = 5, /* XRC: as reliable ones, but behind a header of its own */
  kReadRequest = 0x0c,    /* operations */
  kReadResponseFirst = 0x0d,
  kReadResponseMiddle = 0x0e,
  kReadResponseLast = 0x0f,
  kReadResponseOnly = 0x10,
  kAcknowledge = 0x11,
  kAtomicAcknowledge = 0x12,
  kPsnMask = 0xffffff,
  kPsnHalf = 0x800000,
  kPsnFar = 0x10000, /* more than any connection has under way */
  kLeastMtu = 256,
  kCongestionExperienced = 3,
  kExtendedHeaderBytes = 4,
  kNotReady = 1, /* upper three bits of the syndrome */
  kNegative = 3,
};

/* Base transport header, and what may follow it: the RDMA extended one in read requests, the
 * acknowledgement's. */
struct base_transport {
  __u8 opcode, flags;
  __be16 partition;
  __be32 queue_pair; /* lower 24 bits */
  __be32 sequence;   /* likewise */
};
union transport_extension {
  struct {
    __be64 address;
    __be32 key, length;
  } read;
  __u8 syndrome;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1); /* set before loading */
  __type(key, struct queue_pair_key);
  __type(value, struct queue_pair);
} queue_pairs SEC(".maps");

/* Packets whose queue pair found no room, or whose base transport header is cut off. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} queue_pairs_full SEC(".maps");

/* A new entry starts as this; too large for the stack beside the rest. */
static const struct queue_pair kNewQueuePair = {.next_request = PSN_UNKNOWN,
                                                .next_response = PSN_UNKNOWN};

static __always_inline void count_untracked(void) {
  const __u32 zero = 0;
  __u64* count = bpf_map_lookup_elem(&queue_pairs_full, &zero);
  if (count) ++*count;
}

static __always_inline struct queue_pair* queue_pair_of(const struct queue_pair_key* key) {
  struct queue_pair* found = bpf_map_lookup_elem(&queue_pairs, key);
  if (found) return found;
  bpf_map_update_elem(&queue_pairs, key, &kNewQueuePair, BPF_NOEXIST);
  found = bpf_map_lookup_elem(&queue_pairs, key); /* another processor may have been first */
  if (!found) count_untracked();
  return found;
}

static __always_inline __u32 psn_distance(__u32 from, __u32 to) { return (to - from) & kPsnMask; }

/* A sequence number where `*expected` was; `slack` more may have been passed over rightly. */
static __always_inline void follow_sequence(struct queue_pair* pair, __u32* expected, __u32 slack,
                                            __u32 sequence) {
  const __u32 before = *expected;
  const __u32 ahead = psn_distance(before, sequence), behind = psn_distance(sequence, before);
  if (before == PSN_UNKNOWN) {
    /* The first. */
  } else if (ahead > kPsnFar && behind > kPsnFar && ahead > slack) {
    __sync_fetch_and_add(&pair->restarts, 1);
  } else if (ahead >= kPsnHalf) {
    __sync_fetch_and_add(&pair->repeated, 1);
    return; /* what is expected next has not changed by that */
  } else if (ahead > slack) {
    __sync_fetch_and_add(&pair->gaps, 1);
    __sync_fetch_and_add(&pair->missing, ahead - slack);
  }
  *expected = (sequence + 1) & kPsnMask;
}

/* The packets of one response follow each other; where the next begins, its request has said. */
static __always_inline void follow_response(struct queue_pair* pair, __u32 operation,
                                            __u32 sequence) {
  const __u32 expected = pair->next_response;
  const int begins = operation == kReadResponseFirst || operation == kReadResponseOnly;
  if (begins && (expected == PSN_UNKNOWN || psn_distance(expected, sequence) < kPsnHalf)) {
    pair->next_response = (sequence + 1) & kPsnMask;
    return;
  }
  follow_sequence(pair, &pair->next_response, 0, sequence);
}

/* What follows the base header in this operation, and is of interest; 0 where nothing is. */
static __always_inline __u32 extension_bytes(__u8 opcode) {
  const __u32 operation = opcode & (ROCE_OPERATIONS - 1), transport = opcode >> 5;
  if (transport != kTransportReliable && transport != kTransportExtended) return 0;
  if (operation == kReadRequest) return sizeof(union transport_extension);
  return operation == kAcknowledge ? 1 : 0;
}

static __always_inline void follow(struct queue_pair* pair, __u8 opcode, __u32 sequence,
                                   const union transport_extension* extension) {
  const __u32 operation = opcode & (ROCE_OPERATIONS - 1), transport = opcode >> 5;
  __sync_fetch_and_add(&pair->operations[operation], 1);
  pair->transports |= 1U << transport;
  const int reliable = transport == kTransportReliable || transport == kTransportExtended;
  if (!reliable && transport != kTransportUnreliable) return;
  if (reliable && operation == kAcknowledge) {
    const __u32 kind = extension->syndrome >> 5;
    if (kind == kNegative) __sync_fetch_and_add(&pair->negative_acknowledges, 1);
    if (kind == kNotReady) __sync_fetch_and_add(&pair->receiver_not_ready, 1);
    return;
  }
  if (reliable && operation == kAtomicAcknowledge) return;
  if (reliable && operation >= kReadResponseFirst && operation <= kReadResponseOnly)
    return follow_response(pair, operation, sequence);
  const __u32 before = pair->next_request;
  follow_sequence(pair, &pair->next_request, pair->request_slack, sequence);
  if (pair->next_request == before) return; /* repeated */
  /* A read takes the numbers of its response, a packet for each MTU, which nothing here names. */
  const __u32 bytes = operation == kReadRequest && reliable ? bpf_ntohl(extension->read.length) : 0;
  const __u32 most = bytes / kLeastMtu + (bytes % kLeastMtu != 0);
  pair->request_slack = most > 1 ? most - 1 : 0;
}
