// Programs of someone else.
#pragma once

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cstdint>

#include "base/fd.h"

namespace weir {

inline bpf_insn instruction(std::uint8_t code, std::uint8_t destination, std::uint8_t source,
                            std::int16_t offset, std::int32_t value) {
  bpf_insn made{};
  made.code = code;
  made.dst_reg = destination & 0xf;
  made.src_reg = source & 0xf;
  made.off = offset;
  made.imm = value;
  return made;
}

// One that does nothing.
class EmptyProgram {
 public:
  EmptyProgram(bpf_prog_type type, std::int32_t returns) {
    const bpf_insn code[] = {instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, returns),
                             instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
    program_ = Fd(bpf_prog_load(type, "empty", "GPL", code, 2, nullptr));
  }

  int fd() const { return program_.get(); }

 private:
  Fd program_;
};

// Adds one to a counter at each packet.
class MadeProgram {
 public:
  MadeProgram(bpf_prog_type type, std::int32_t returns, std::uint32_t flags = 0)
      : counter_(bpf_map_create(BPF_MAP_TYPE_ARRAY, "counter", 4, 8, 1, nullptr)) {
    const bpf_insn code[] = {
        instruction(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_VALUE, 0, counter_.get()),
        instruction(0, 0, 0, 0, 0),
        instruction(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 1),
        instruction(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 2, 0, BPF_ADD),
        instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, returns),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    bpf_prog_load_opts options{};
    options.sz = sizeof options;
    options.prog_flags = flags;
    program_ =
        Fd(bpf_prog_load(type, "somebody", "GPL", code, sizeof code / sizeof *code, &options));
  }

  int fd() const { return program_.get(); }
  std::uint64_t runs() const {
    const std::uint32_t zero = 0;
    std::uint64_t runs = 0;
    bpf_map_lookup_elem(counter_.get(), &zero, &runs);
    return runs;
  }

 private:
  Fd counter_, program_;
};

}  // namespace weir
