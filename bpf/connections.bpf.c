/* connections: the life of every TCP connection in every network namespace, at tracepoints of its
 * birth and death and of what goes wrong; nothing runs per packet or per call. Needs Linux 5.11 for
 * socket storage in tracing programs, and BTF. */
#include <linux/bpf.h>

#include "abi/connection.h"
#include "kernel.h"
#include "lib/tcp_counters.bpf.h"

/* Set before loading. */
const volatile __u64 wake_bytes = 0; /* of events that wait, before user space is woken */
const volatile __u8 tell_established = 1;

enum {
  kTcp = 6,
  kCloneStorage = BPF_F_CLONE | BPF_F_NO_PREALLOC,
  kStateEstablished = 1,
  kStateSynSent = 2,
  kStateSynReceived = 3,
  kStateFinWait1 = 4,
  kStateClose = 7,
  kStateCloseWait = 8,
  kStateLastAck = 9,
  kStateListen = 10,
  kCongestionLoss = 4, /* inet_connection_sock.icsk_ca_state */
  kCongestionRecovery = 3,
  kPendingLossProbe = 5, /* .icsk_pending */
  kWakeWindow = 16384,
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, kCloneStorage);
  __type(key, int);
  __type(value, struct connection_state);
} connections SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096); /* set before loading */
} events SEC(".maps");

/* By kind. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, CONNECTION_EVENT_KINDS);
  __type(key, __u32);
  __type(value, struct connection_event_counts);
} event_counts SEC(".maps");

static __always_inline struct connection_state* state_of(struct sock* sk, int create) {
  return bpf_sk_storage_get(&connections, sk, 0, create ? BPF_SK_STORAGE_GET_F_CREATE : 0);
}

static __always_inline void own_by_caller(struct connection_owner* owner) {
  owner->pid = bpf_get_current_pid_tgid() >> 32;
  owner->cgroup = bpf_get_current_cgroup_id();
  owner->source = CONNECTION_OWNER_CALLER;
  bpf_get_current_comm(owner->name, sizeof owner->name);
}

static __always_inline void tell(__u32 kind, struct sock* sk, __u8 tcp_state,
                                 const struct connection_state* life) {
  struct connection_event_counts* counts = bpf_map_lookup_elem(&event_counts, &kind);
  if (!counts) return;
  ++counts->seen;
  struct connection_event* event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    ++counts->lost;
    return;
  }
  event->kind = kind;
  event->reserved = 0;
  read_connection(&event->record, sk, tcp_state, life);
  /* Once for each time that so much has gathered: waking costs more than all else here. */
  const __u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
  const int many = waiting >= wake_bytes && waiting - wake_bytes < kWakeWindow;
  bpf_ringbuf_submit(event, many ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* Close and shutdown are called by who has it, whoever listened. */
static __always_inline void correct_owner(struct connection_state* life) {
  if (life->owner.source != CONNECTION_OWNER_CALLER) own_by_caller(&life->owner);
}

static __always_inline void begin_client(struct sock* sk) {
  struct connection_state* life = state_of(sk, 1);
  if (!life) return;
  __builtin_memset(life, 0, sizeof *life);
  life->born = bpf_ktime_get_ns();
  life->role = CONNECTION_CLIENT;
  own_by_caller(&life->owner);
}

static __always_inline void begin_listener(struct sock* sk) {
  struct connection_state* life = state_of(sk, 1);
  if (!life) return;
  __builtin_memset(life, 0, sizeof *life);
  life->born = bpf_ktime_get_ns();
  life->is_listener = 1;
  own_by_caller(&life->owner);
}

/* What a listener accepts has a copy of its storage; that of one older than weir has none. */
static __always_inline void begin_server(struct sock* sk) {
  struct connection_state* life = state_of(sk, 1);
  if (!life) return;
  const struct connection_owner owner = life->owner;
  __builtin_memset(life, 0, sizeof *life);
  life->owner = owner;
  if (owner.source != CONNECTION_OWNER_NONE) life->owner.source = CONNECTION_OWNER_LISTENER;
  life->born = bpf_ktime_get_ns();
  life->role = CONNECTION_SERVER;
}

static __always_inline void establish(struct sock* sk, int old_state) {
  if (old_state == kStateSynReceived) begin_server(sk);
  struct connection_state* life = state_of(sk, 0);
  if (!life) return;
  life->established = bpf_ktime_get_ns();
  if (life->role == CONNECTION_CLIENT) {
    life->handshake = life->established - life->born;
  } else if (life->role == CONNECTION_SERVER) {
    struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
    if (tcp) {
      life->handshake = (__u64)(tcp->srtt_us >> 3) * 1000;  /* its first sample */
      life->syn = life->retransmitted = tcp->total_retrans; /* SYN-ACKs */
    }
  }
  if (tell_established) tell(CONNECTION_ESTABLISHED, sk, kStateEstablished, life);
}

static __always_inline void end(struct sock* sk, int old_state) {
  struct connection_state* life = state_of(sk, 1);
  if (!life) return;
  /* A request that became no connection; a socket that was never more than bound. */
  if (old_state == kStateListen || life->is_listener) return;
  /* Who aborts is closed before its reset is sent. */
  if ((old_state == kStateEstablished || old_state == kStateCloseWait) && !sk->sk_err &&
      !life->reset_received) {
    life->reset_sent = 1;
    correct_owner(life);
  }
  const int failed = old_state == kStateSynSent || old_state == kStateSynReceived;
  tell(failed ? CONNECTION_FAILED : CONNECTION_CLOSED, sk, old_state, life);
  bpf_sk_storage_delete(&connections, sk);
}

SEC("tp_btf/inet_sock_set_state")
int weir_connection_state(const __u64* arguments) {
  struct sock* sk = (struct sock*)arguments[0];
  const int old_state = (int)arguments[1], new_state = (int)arguments[2];
  if (!sk || sk->sk_protocol != kTcp) return 0;
  switch (new_state) {
    case kStateSynSent:
      begin_client(sk);
      break;
    case kStateListen:
      begin_listener(sk);
      break;
    case kStateEstablished:
      establish(sk, old_state);
      break;
    case kStateFinWait1:
    case kStateCloseWait:
    case kStateLastAck: {
      struct connection_state* life = state_of(sk, 0);
      if (!life) break;
      if (!life->closed_first) life->closed_first = new_state == kStateFinWait1 ? 1 : 2;
      if (new_state != kStateCloseWait && old_state != kStateSynReceived) correct_owner(life);
      break;
    }
    case kStateClose:
      end(sk, old_state);
      break;
  }
  return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int weir_connection_retransmit(const __u64* arguments) {
  struct sock* sk = (struct sock*)arguments[0];
  struct tcp_sock* tcp = sk ? bpf_skc_to_tcp_sock(sk) : 0;
  if (!tcp) return 0;
  struct connection_state* life = state_of(sk, 0);
  if (!life) return 0;
  /* Segments, as a packet may be several of them; none where it could not be sent. */
  const __u32 segments = tcp->total_retrans - life->retransmitted;
  life->retransmitted += segments;
  const int state = sk->__sk_common.skc_state;
  const __u8 congestion = BPF_CORE_READ_BITFIELD_PROBED(tcp, inet_conn.icsk_ca_state);
  if (state == kStateSynSent || state == kStateSynReceived) {
    life->syn += segments;
  } else if (tcp->snd_una + 1 == tcp->write_seq && state != kStateEstablished &&
             state != kStateCloseWait) {
    life->fin += segments; /* nothing else is outstanding */
  } else if (congestion == kCongestionLoss) {
    life->timeout += segments;
  } else if (congestion == kCongestionRecovery) {
    life->fast += segments;
  } else if (tcp->inet_conn.icsk_pending == kPendingLossProbe) { /* armed in recovery, too */
    life->tail_probe += segments;
  } else {
    life->other += segments;
  }
  return 0;
}

SEC("tp_btf/tcp_send_reset")
int weir_connection_send_reset(const __u64* arguments) {
  struct sock* sk = (struct sock*)arguments[0];
  if (!sk) return 0;
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk); /* none where it is another kind of socket */
  if (!tcp) return 0;
  struct connection_state* life = state_of((struct sock*)tcp, 0);
  if (life) life->reset_sent = 1;
  return 0;
}

SEC("tp_btf/tcp_receive_reset")
int weir_connection_receive_reset(const __u64* arguments) {
  struct sock* sk = (struct sock*)arguments[0];
  struct connection_state* life = sk ? state_of(sk, 0) : 0;
  if (life) life->reset_received = 1;
  return 0;
}

/* One record for each connection that lives, whatever its network namespace. */
SEC("iter/bpf_sk_storage_map")
int weir_connections_read(struct bpf_iter__bpf_sk_storage_map* context) {
  struct sock* sk = context->sk;
  struct connection_state* life = context->value;
  if (!sk || !life) return 0;
  struct connection_record record;
  read_connection(&record, sk, sk->__sk_common.skc_state, life);
  bpf_seq_write(context->meta->seq, &record, sizeof record);
  return 0;
}

/* Gives connections that are older than weir their storage. */
SEC("iter/tcp")
int weir_connections_find(struct bpf_iter__tcp* context) {
  struct sock_common* common = context->sk_common;
  if (!common) return 0;
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(common);
  if (!tcp) return 0;
  struct connection_state* life = state_of((struct sock*)tcp, 1);
  if (!life) return 0;
  if (common->skc_state == kStateListen) life->is_listener = 1;
  if (!life->born) life->retransmitted = tcp->total_retrans;
  return 0;
}

/* Who has them open. */
SEC("iter/task_file")
int weir_connections_owners(struct bpf_iter__task_file* context) {
  struct task_struct* task = context->task;
  struct file* file = context->file;
  if (!task || !file) return 0;
  struct socket* socket = bpf_sock_from_file(file);
  if (!socket) return 0;
  struct sock* sk = socket->sk;
  if (!sk) return 0;
  struct connection_state* life = state_of(sk, 0);
  if (!life || life->owner.source == CONNECTION_OWNER_CALLER) return 0;
  life->owner.pid = task->tgid;
  life->owner.cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
  life->owner.source = CONNECTION_OWNER_FILE;
  BPF_CORE_READ_STR_INTO(&life->owner.name, task, group_leader, comm);
  return 0;
}

char kLicense[] SEC("license") = "Dual BSD/GPL";
