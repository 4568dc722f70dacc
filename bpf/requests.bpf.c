/* requests: the kernel side of packet capture. */
#include <linux/bpf.h>

#include "lib/innermost.bpf.h"

/* steer: which capture worker a packet goes to (PACKET_FANOUT_EBPF; the kernel takes the result
 * modulo the number of workers). What is not IP goes to the first.
 * Needs Linux 5.3 (bounded loops) and CAP_BPF. */
SEC("socket")
int steer(struct __sk_buff* skb) {
  struct innermost flow = {};
  find_innermost(skb, &flow);
  return flow.found ? (int)symmetric_hash(&flow) : 0;
}

char kLicense[] SEC("license") = "Dual BSD/GPL";
