/* connection: what the kernel's programs tell of TCP connections: as events, and record by record
 * of an iterator over all that live. Times are CLOCK_MONOTONIC nanoseconds, addresses as on the
 * wire, IPv4 mapped into IPv6, ports in host order. */
#pragma once

#include <linux/types.h>

enum connection_role {
  CONNECTION_ROLE_UNKNOWN = 0, /* older than weir */
  CONNECTION_CLIENT = 1,       /* connect() */
  CONNECTION_SERVER = 2,       /* accept() */
};

/* Where the owner is from; the later, the surer. */
enum connection_owner_source {
  CONNECTION_OWNER_NONE = 0,
  CONNECTION_OWNER_LISTENER = 1, /* the process that called listen() */
  CONNECTION_OWNER_CALLER = 2,   /* the process that called connect() or close() */
  CONNECTION_OWNER_FILE = 3,     /* the process that has the socket open */
};

struct connection_owner {
  __u64 cgroup;
  __u32 pid; /* of the process, in the first PID namespace */
  __u8 source;
  __u8 reserved[3];
  char name[16];
};

/* In the socket's storage; a listener's is copied to what it accepts. */
struct connection_state {
  __u64 born;        /* SYN sent, or the connection made by the handshake's last segment */
  __u64 established; /* 0: not yet, or not seen */
  __u64 handshake;   /* ns from the SYN to its answer, of who accepts from that to its ACK; 0: not
                        known */
  struct connection_owner owner;
  /* Segments sent again, by what made the kernel do so; those of the handshake and FINs apart. */
  __u32 fast, timeout, tail_probe, other, syn, fin;
  __u8 role;
  __u8 reset_sent, reset_received;
  __u8 closed_first; /* 1: this side, 2: the other */
  __u8 is_listener;
  __u8 reserved[3];
  __u32 retransmitted; /* of the socket's own count, what is in the classes */
  __u32 reserved2;
};

/* The socket's own counters, as they are now. */
struct connection_counters {
  __u64 bytes_sent;     /* payload, those sent again included */
  __u64 bytes_acked;    /* payload that the other side has, without what was sent again */
  __u64 bytes_received; /* payload, in order */
  __u64 bytes_retransmitted;
  __u32 segments_out, segments_in, data_segments_out, data_segments_in;
  __u32 segments_retransmitted, delivered, lost, out_of_order, dsack_duplicates, reordering_seen;
  __u32 srtt_us, rttvar_us, min_rtt_us;
  __u32 cwnd, ssthresh, mss;
  __u32 send_queue, receive_queue; /* bytes; of a listener: connections that wait, and the most */
  __u32 send_window, receive_window;
};

struct connection_record {
  __u64 time;
  __u64 cookie;
  __u64 source[2], destination[2]; /* this side, the other side */
  __u16 source_port, destination_port;
  __u8 state; /* TCP_ESTABLISHED, ... */
  __u8 reserved[3];
  __u32 network_namespace; /* inode */
  __u32 error;             /* of the socket: errno, 0 where there is none */
  struct connection_state life;
  struct connection_counters counters;
};

enum connection_event_kind {
  CONNECTION_ESTABLISHED = 1,
  CONNECTION_CLOSED = 2, /* had been established, or is older than weir */
  CONNECTION_FAILED = 3, /* never was */
  CONNECTION_EVENT_KINDS = 4,
};

/* Of one kind, by one processor. */
struct connection_event_counts {
  __u64 seen;
  __u64 lost; /* of them, those that found no room */
};

struct connection_event {
  __u32 kind;
  __u32 reserved;
  struct connection_record record;
};
