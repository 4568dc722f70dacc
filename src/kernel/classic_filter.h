// Classic BPF, as libpcap compiles expressions to, in eBPF: so that the user's expression and the
// capture filter can be one filter of a socket, which can hold only one.
#pragma once

#include <linux/bpf.h>
#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace weir {

// The instructions of a socket filter that drops what `program` drops, and tail-calls entry `next`
// of the program array `programs` for the rest; where that entry is missing, takes the packet
// whole. Fails for what libpcap's compiler does not emit: packet metadata (SKF_AD_*), and for
// programs that are too long or jump out of themselves.
Result<std::vector<bpf_insn>> translate_classic(std::span<const sock_filter> program, int programs,
                                                std::int32_t next);

}  // namespace weir
