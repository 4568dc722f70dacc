/* The few kernel structs that weir's programs read, reduced to the fields they name. Where these
 * lie in the running kernel is found at load time. */
#pragma once

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
  unsigned int inum;
};
struct hlist_node {
  struct hlist_node* next;
};
struct hlist_head {
  struct hlist_node* first;
};
struct net {
  struct ns_common ns;
  struct hlist_head* dev_index_head; /* by interface index */
};
typedef struct {
  struct net* net;
} possible_net_t;

struct net_device {
  char name[16];
  int ifindex;
  struct hlist_node index_hlist;
  unsigned short hard_header_len;
  possible_net_t nd_net;
  __u64 features, vlan_features, hw_enc_features;
  __u16 gso_max_segs;
  unsigned int gso_max_size, gso_ipv4_max_size; /* the latter since Linux 6.3 */
};

struct sock;
struct sk_buff {
  struct net_device* dev;
  struct sock* sk;
  unsigned char *head, *data;
  unsigned int len, data_len;
  int skb_iif;
  __be16 protocol;
  __u16 vlan_tci;
  __u8 vlan_present : 1;                              /* until Linux 6.1, and then ... */
  __u32 vlan_all;                                     /* ... not 0 */
  unsigned int end;                                   /* offset from head */
  __u16 mac_header, network_header, transport_header; /* likewise */
  __u8 encapsulation : 1;
  __u8 ip_summed : 2;
  __u16 csum_start; /* offset from head */
};

struct skb_shared_info {
  struct sk_buff* frag_list;
  unsigned int gso_type;
};

/* Another header has it under its own name. */
struct in6_addr___kernel {
  union {
    __u8 u6_addr8[16];
  } in6_u;
};

struct sock_common {
  unsigned short skc_family;
  volatile unsigned char skc_state;
  __be32 skc_daddr, skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  possible_net_t skc_net;
  unsigned long skc_flags;
  struct {
    __u64 counter;
  } skc_cookie;
  struct in6_addr___kernel skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
  int sk_err, sk_err_soft;
  __u32 sk_ack_backlog, sk_max_ack_backlog;
};

struct inet_sock {
  __be16 inet_sport;
};

struct inet_connection_sock {
  __u8 icsk_ca_state : 5;
  __u8 icsk_pending;
};

struct minmax_sample {
  __u32 t, v;
};
struct minmax {
  struct minmax_sample s[3];
};

struct tcp_sock {
  struct inet_connection_sock inet_conn;
  __u64 bytes_sent, bytes_acked, bytes_received, bytes_retrans;
  __u32 segs_out, segs_in, data_segs_out, data_segs_in;
  __u32 total_retrans, delivered, lost, rcv_ooopack, dsack_dups, reord_seen;
  __u32 srtt_us, mdev_us;
  struct minmax rtt_min;
  __u32 snd_cwnd, snd_ssthresh, mss_cache;
  __u32 write_seq, snd_una, rcv_nxt, copied_seq, snd_wnd, rcv_wnd;
};

struct request_sock;
struct socket {
  struct sock* sk;
};
struct file;
struct kernfs_node {
  __u64 id;
};
struct cgroup {
  struct kernfs_node* kn;
};
struct css_set {
  struct cgroup* dfl_cgrp;
};
struct task_struct {
  int pid, tgid;
  struct css_set* cgroups;
  struct task_struct* group_leader;
  char comm[16];
};

struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_map;
struct bpf_iter__bpf_sk_storage_map {
  struct bpf_iter_meta* meta;
  struct bpf_map* map;
  struct sock* sk;
  void* value;
};
struct bpf_iter__tcp {
  struct bpf_iter_meta* meta;
  struct sock_common* sk_common;
};
struct bpf_iter__task_file {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  __u32 fd;
  struct file* file;
};

#pragma clang attribute pop
