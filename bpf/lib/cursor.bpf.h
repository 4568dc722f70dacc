/* cursor: a place in a packet, counted from its link or network header, and reads from there. It
 * serves every link type, in both directions, in programs that have no direct packet access. */
#pragma once

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

struct cursor {
  __u32 start;  /* BPF_HDR_START_MAC or BPF_HDR_START_NET */
  __u32 offset; /* from there */
};

/* 0 when `length` bytes at the cursor, plus `ahead`, were copied. */
static __always_inline int cursor_read(const struct __sk_buff* skb, const struct cursor* at,
                                       __u32 ahead, void* to, __u32 length) {
  __u32 offset = at->offset + ahead;
  if (bpf_skb_load_bytes_relative(skb, offset, to, length, at->start) == 0) return 0;
  /* That helper sees the linear part only. The other one sees all, but counts from skb->data: the
   * link header of a packet going out, the network header of one coming in. A link header is taken
   * for Ethernet's here; on other links such a packet keeps what was read so far. */
  if (skb->pkt_type == PACKET_OUTGOING && at->start == BPF_HDR_START_NET) offset += ETH_HLEN;
  if (skb->pkt_type != PACKET_OUTGOING && at->start == BPF_HDR_START_MAC) offset -= ETH_HLEN;
  return bpf_skb_load_bytes(skb, offset, to, length) == 0 ? 0 : -1;
}
