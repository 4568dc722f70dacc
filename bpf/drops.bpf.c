/* drops: every packet that the kernel frees as dropped, with the reason it gives, where that was,
 * and whose it was. Runs for drops only. Needs Linux 6.1 and BTF. */
#include <linux/bpf.h>
#include <linux/errno.h>

#include "abi/drop.h"
#include "kernel.h"
#include "lib/drop_headers.bpf.h"

/* Set before loading. */
const volatile __u8 verdicts[DROP_REASONS] = {};
const volatile __u8 has_receiver = 0; /* the tracepoint tells the receiving socket (Linux 6.11) */
const volatile __u64 event_spacing_ns =
    0;                               /* of single packets, on a processor; ~0: none are told */
const volatile __u64 wake_bytes = 0; /* of events that wait, before user space is woken */

enum {
  kUnixFamily = 1,
  kNetlinkFamily = 16,
  kDropWakeWindow = 16384,
  kDeviceBucketMask = 0xff, /* of net.dev_index_head */
  kMaxBucketDevices = 8,
};

struct drop_table {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 1); /* set before loading */
  __type(key, struct drop_key);
  __type(value, struct drop_count);
} drops_a SEC(".maps"), drops_b SEC(".maps");

struct drop_rest_table {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct drop_key);
  __type(value, struct drop_rest);
} rest_a SEC(".maps"), rest_b SEC(".maps");

/* Which one counts: user space puts the other in its place, and the kernel lets it wait for the
 * programs that still use this one. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(values, struct drop_table);
} drops SEC(".maps") = {.values = {&drops_a}};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(values, struct drop_rest_table);
} rest SEC(".maps") = {.values = {&rest_a}};

/* User space adds one when it has exchanged the tables and nothing uses the former. */
__u64 exchanges = 1;

struct drop_totals {
  __u64 counts[DROP_TOTALS];
  __u64 next_event; /* not before */
  __u64 full;       /* of `exchanges`: the table had no room then */
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct drop_totals);
} totals SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096); /* set before loading */
} events SEC(".maps");

/* A drop as it is being read. */
struct sighting {
  struct drop_key key;
  struct packet_view view;
  struct net_device* device;
  struct net* net;
  __u64 time, cookie;
};

static __always_inline struct net_device* device_of(struct sk_buff* skb) {
  struct net_device* device = 0;
  /* In the queue of a socket the field holds something else. */
  bpf_core_read(&device, sizeof device, &skb->dev);
  return (long)device < 0 ? device : 0;
}

static __always_inline void read_name(char (*to)[DROP_INTERFACE_NAME], struct net_device* device) {
  if (device) BPF_CORE_READ_INTO(to, device, name);
}

/* The device of a packet that no longer says it, by its index. */
static __always_inline struct net_device* find_device(struct net* net, __u32 ifindex) {
  struct hlist_head* buckets = net ? BPF_CORE_READ(net, dev_index_head) : 0;
  if (!buckets || !ifindex) return 0;
  struct hlist_node* node = 0;
  bpf_probe_read_kernel(&node, sizeof node, buckets + (ifindex & kDeviceBucketMask));
  for (int i = 0; i < kMaxBucketDevices && node; ++i) {
    struct net_device* device = (void*)node - bpf_core_field_offset(struct net_device, index_hlist);
    if ((__u32)BPF_CORE_READ(device, ifindex) == ifindex) return device;
    node = BPF_CORE_READ(node, next);
  }
  return 0;
}

static __always_inline void name_device(char (*to)[DROP_INTERFACE_NAME],
                                        const struct sighting* sighting) {
  struct net_device* device = sighting->device;
  read_name(to, device ? device : find_device(sighting->net, sighting->key.ifindex));
}

static __always_inline int is_local(__u16 family) {
  return family == kUnixFamily || family == kNetlinkFamily;
}

/* Namespace, interface and socket. False where it is no packet of a network. */
static __always_inline int read_place(struct sighting* sighting, struct sk_buff* skb,
                                      struct sock* receiver) {
  struct sock* sk = 0;
  bpf_core_read(&sk, sizeof sk, &skb->sk);
  if (!sk) sk = receiver;
  struct net* net = 0;
  if (sk) {
    if (is_local(BPF_CORE_READ(sk, __sk_common.skc_family))) return 0;
    sighting->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
    net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
  }
  struct net_device* device = device_of(skb);
  struct net* device_net = device ? BPF_CORE_READ(device, nd_net.net) : 0;
  if (device_net) {
    net = device_net;
    sighting->key.ifindex = BPF_CORE_READ(device, ifindex);
    sighting->device = device;
  } else {
    sighting->key.ifindex = skb->skb_iif;
  }
  sighting->net = net;
  if (net) sighting->key.network_namespace = BPF_CORE_READ(net, ns.inum);
  return 1;
}

static __always_inline void count_rest(const struct sighting* sighting, __u32 length,
                                       struct drop_totals* sum) {
  const __u32 only = 0;
  struct drop_key key = sighting->key;
  __builtin_memset(&key.flow, 0, sizeof key.flow);
  void* table = bpf_map_lookup_elem(&rest, &only);
  if (!table) return;
  struct drop_rest* count = bpf_map_lookup_elem(table, &key);
  if (!count) {
    const struct drop_rest none = {};
    bpf_map_update_elem(table, &key, &none, BPF_NOEXIST);
    count = bpf_map_lookup_elem(table, &key);
  }
  if (!count) {
    ++sum->counts[DROP_TOTAL_LOST];
    return;
  }
  ++count->packets;
  count->bytes += length;
  ++sum->counts[DROP_TOTAL_REST];
}

static __always_inline void count_drop(struct sighting* sighting, __u32 length,
                                       struct drop_totals* sum) {
  const __u32 only = 0;
  void* table = bpf_map_lookup_elem(&drops, &only);
  if (!table) return;
  struct drop_count* count = bpf_map_lookup_elem(table, &sighting->key);
  const __u64 now = exchanges;
  if (!count && sum->full != now) { /* looking for room is dear where there is none */
    const struct drop_count none = {};
    const long status = bpf_map_update_elem(table, &sighting->key, &none, BPF_NOEXIST);
    if (status == -E2BIG) sum->full = now;
    count = bpf_map_lookup_elem(table, &sighting->key);
  }
  if (!count) {
    count_rest(sighting, length, sum);
    return;
  }
  if (!count->packets) {
    count->first = sighting->time;
    name_device(&count->interface, sighting);
  }
  ++count->packets;
  count->bytes += length;
  count->last = sighting->time;
  if (sighting->cookie) count->cookie = sighting->cookie;
  ++sum->counts[DROP_TOTAL_KEPT];
}

static __always_inline void tell(const struct sighting* sighting, __u32 length,
                                 struct drop_totals* sum) {
  if (event_spacing_ns == ~0ULL) return;
  if (event_spacing_ns) {
    if (sighting->time < sum->next_event) {
      ++sum->counts[DROP_TOTAL_EVENTS_LIMITED];
      return;
    }
    sum->next_event = sighting->time + event_spacing_ns;
  }
  struct drop_event* event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    ++sum->counts[DROP_TOTAL_EVENTS_LOST];
    return;
  }
  __builtin_memset(event, 0, sizeof *event);
  event->key = sighting->key;
  event->time = sighting->time;
  event->cookie = sighting->cookie;
  event->length = length;
  event->ether_type = sighting->view.ether_type;
  event->tag = sighting->view.tag;
  event->tos = sighting->view.tos;
  event->ttl = sighting->view.ttl;
  if (sighting->view.link) {
    struct ethhdr link;
    if (bpf_probe_read_kernel(&link, sizeof link, sighting->view.link) == 0) {
      event->has_link = 1;
      __builtin_memcpy(event->source, link.h_source, ETH_ALEN);
      __builtin_memcpy(event->destination, link.h_dest, ETH_ALEN);
    }
  }
  name_device(&event->interface, sighting);
  ++sum->counts[DROP_TOTAL_EVENTS];
  /* Once for each time that so much has gathered: waking costs more than all else here. */
  const __u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
  const int many = waiting >= wake_bytes && waiting - wake_bytes < kDropWakeWindow;
  bpf_ringbuf_submit(event, many ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

SEC("tp_btf/kfree_skb")
int weir_drop(const __u64* arguments) {
  struct sk_buff* skb = (struct sk_buff*)arguments[0];
  const __u32 only = 0, reason = (__u32)arguments[2];
  struct drop_totals* sum = bpf_map_lookup_elem(&totals, &only);
  if (!skb || !sum) return 0;
  ++sum->counts[DROP_TOTAL_SEEN];
  const __u8 verdict = reason < DROP_REASONS ? verdicts[reason] : DROP_TOLD;
  if (verdict == DROP_CONSUMED) {
    ++sum->counts[DROP_TOTAL_CONSUMED];
    return 0;
  }
  if (verdict == DROP_NOISE) {
    ++sum->counts[DROP_TOTAL_NOISE];
    return 0;
  }
  struct sighting sighting;
  __builtin_memset(&sighting, 0, sizeof sighting);
  struct sock* receiver = 0;
  /* As a number: the kernels differ in whether it may be null. */
  if (has_receiver) bpf_probe_read_kernel(&receiver, sizeof receiver, &arguments[3]);
  if (!read_place(&sighting, skb, receiver)) {
    ++sum->counts[DROP_TOTAL_LOCAL];
    return 0;
  }
  sighting.key.reason = reason;
  sighting.key.location = arguments[1];
  sighting.time = bpf_ktime_get_ns();
  drop_view(&sighting.view, skb, sighting.device);
  read_drop_headers(&sighting.view, &sighting.key.flow);
  const __u32 length = sighting.view.length;
  count_drop(&sighting, length, sum);
  tell(&sighting, length, sum);
  return 0;
}

/* The tables of names: of the core until Linux 6.3, of all subsystems since. */
extern const void drop_reasons __ksym __weak;
extern const void drop_reasons_by_subsys __ksym __weak;

struct drop_reason_list {
  const char* const* reasons;
  unsigned long n_reasons;
} __attribute__((preserve_access_index));

enum {
  kSubsystemShift = 16,
  kMaxSubsystems = 64,
};

SEC("syscall")
int weir_drop_reason_text(struct drop_reason_query* query) {
  const __u32 subsystem = query->reason >> kSubsystemShift, number = query->reason & 0xffff;
  query->status = -1;
  const char* text = 0;
  if (&drop_reasons_by_subsys) {
    if (subsystem >= kMaxSubsystems) return 0;
    const struct drop_reason_list* list = 0;
    const struct drop_reason_list* const* lists = (const void*)&drop_reasons_by_subsys;
    bpf_probe_read_kernel(&list, sizeof list, lists + subsystem);
    if (!list || number >= BPF_CORE_READ(list, n_reasons)) return 0;
    const char* const* reasons = BPF_CORE_READ(list, reasons);
    bpf_probe_read_kernel(&text, sizeof text, reasons + number);
  } else if (&drop_reasons && !subsystem && number < DROP_REASONS) {
    const char* const* reasons = (const void*)&drop_reasons;
    bpf_probe_read_kernel(&text, sizeof text, reasons + number);
  }
  if (!text) return 0;
  /* The context takes no helper's writing. */
  __u64 copy[DROP_REASON_TEXT / sizeof(__u64)] = {};
  query->status = (__s32)bpf_probe_read_kernel_str(copy, sizeof copy, text);
  __builtin_memcpy(query->text, copy, sizeof copy);
  return 0;
}

char kLicense[] SEC("license") = "Dual BSD/GPL";
