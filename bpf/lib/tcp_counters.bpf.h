/* tcp_counters: a socket to the record that user space is told. */
#pragma once

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi/connection.h"
#include "kernel.h"

enum {
  kAddressFamilyInet6 = 10,
  kListening = 10,
  kMapped = 0xffff,
  kFinReceived = 1 << 1, /* SOCK_DONE of sock_common.skc_flags */
};

static __always_inline void read_ends(struct connection_record* record, struct sock* sk) {
  const struct sock_common* common = &sk->__sk_common;
  if (common->skc_family == kAddressFamilyInet6) {
    BPF_CORE_READ_INTO(&record->source, common, skc_v6_rcv_saddr.in6_u.u6_addr8);
    BPF_CORE_READ_INTO(&record->destination, common, skc_v6_daddr.in6_u.u6_addr8);
  } else {
    const __u64 mapped = bpf_htonl(kMapped);
    record->source[0] = record->destination[0] = 0;
    record->source[1] = mapped | (__u64)common->skc_rcv_saddr << 32;
    record->destination[1] = mapped | (__u64)common->skc_daddr << 32;
  }
  /* skc_num is 0 by the time of the last transition. */
  record->source_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock*)sk, inet_sport));
  record->destination_port = bpf_ntohs(common->skc_dport);
  record->network_namespace = BPF_CORE_READ(common, skc_net.net, ns.inum);
}

static __always_inline void read_counters(struct connection_counters* to, struct sock* sk,
                                          __u8 state) {
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  if (!tcp) {
    __builtin_memset(to, 0, sizeof *to);
    return;
  }
  to->bytes_sent = tcp->bytes_sent;
  to->bytes_acked = tcp->bytes_acked;
  /* The kernel counts the FIN. */
  to->bytes_received = tcp->bytes_received - (sk->__sk_common.skc_flags & kFinReceived ? 1 : 0);
  to->bytes_retransmitted = tcp->bytes_retrans;
  to->segments_out = tcp->segs_out;
  to->segments_in = tcp->segs_in;
  to->data_segments_out = tcp->data_segs_out;
  to->data_segments_in = tcp->data_segs_in;
  to->segments_retransmitted = tcp->total_retrans;
  to->delivered = tcp->delivered;
  to->lost = tcp->lost;
  to->out_of_order = tcp->rcv_ooopack;
  to->dsack_duplicates = tcp->dsack_dups;
  to->reordering_seen = tcp->reord_seen;
  to->srtt_us = tcp->srtt_us >> 3;
  to->rttvar_us = tcp->mdev_us >> 2;
  to->min_rtt_us = tcp->rtt_min.s[0].v;
  to->cwnd = tcp->snd_cwnd;
  to->ssthresh = tcp->snd_ssthresh;
  to->mss = tcp->mss_cache;
  to->send_window = tcp->snd_wnd;
  to->receive_window = tcp->rcv_wnd;
  if (state == kListening) {
    to->receive_queue = sk->sk_ack_backlog;
    to->send_queue = sk->sk_max_ack_backlog;
  } else {
    to->send_queue = tcp->write_seq - tcp->snd_una;
    to->receive_queue = tcp->rcv_nxt - tcp->copied_seq;
  }
}

static __always_inline void read_connection(struct connection_record* record, struct sock* sk,
                                            __u8 state, const struct connection_state* life) {
  record->time = bpf_ktime_get_ns();
  record->cookie = bpf_get_socket_cookie(sk);
  record->state = state;
  __builtin_memset(record->reserved, 0, sizeof record->reserved);
  record->error = sk->sk_err ? sk->sk_err : sk->sk_err_soft;
  record->life = *life;
  read_ends(record, sk);
  read_counters(&record->counters, sk, state);
}
