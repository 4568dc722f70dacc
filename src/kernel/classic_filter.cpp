#include "kernel/classic_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>

namespace weir {
namespace {

// The classic machine's registers. LD_ABS and LD_IND want the context in R6, give R0, and ruin R1
// to R5.
constexpr std::uint8_t kA = BPF_REG_7;
constexpr std::uint8_t kX = BPF_REG_8;
constexpr std::uint8_t kContext = BPF_REG_6;
constexpr std::size_t kMaxInstructions = 32000;  // jumps reach 32767

class Translation {
 public:
  explicit Translation(std::span<const sock_filter> program) : program_(program) {}

  Result<std::vector<bpf_insn>> run(int programs, std::int32_t next);

 private:
  enum Place : std::size_t { kDrop = 0, kAccept = 1, kFirst = 2 };  // then the program's own

  void emit(int code, std::uint8_t to, std::uint8_t from, int offset, std::uint32_t value) {
    bpf_insn one{};
    one.code = static_cast<std::uint8_t>(code);
    one.dst_reg = to & 0xf;
    one.src_reg = from & 0xf;
    one.off = static_cast<std::int16_t>(offset);
    one.imm = static_cast<std::int32_t>(value);
    code_.push_back(one);
  }
  void move(std::uint8_t to, std::uint8_t from) { emit(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0); }
  void set(std::uint8_t to, std::uint32_t value) {
    emit(BPF_ALU | BPF_MOV | BPF_K, to, 0, 0, value);
  }
  // A jump whose distance is filled in at the end.
  void jump(int code, std::uint8_t to, std::uint8_t from, std::uint32_t value, std::size_t place) {
    jumps_.push_back({code_.size(), place});
    emit(code, to, from, 0, value);
  }
  void jump(std::size_t place) { jump(BPF_JMP | BPF_JA, 0, 0, 0, place); }

  void find_reached();
  void finish(int programs, std::int32_t next);
  bool instruction(std::size_t at);
  bool load(const sock_filter& one, std::uint8_t to);
  bool calculate(const sock_filter& one);
  bool branch(const sock_filter& one, std::size_t at);
  static int slot(std::uint32_t number) { return -64 + 4 * static_cast<int>(number); }

  struct Jump {
    std::size_t at, place;
  };
  std::span<const sock_filter> program_;
  std::vector<bpf_insn> code_;
  std::vector<Jump> jumps_;
  std::vector<std::size_t> places_;
  std::vector<bool> reached_;  // of the program's own; the kernel refuses what is never reached
};

// Jumps go forward only.
void Translation::find_reached() {
  reached_.assign(program_.size(), false);
  const auto reach = [&](std::size_t at) {
    if (at < reached_.size()) reached_[at] = true;
  };
  reach(0);
  for (std::size_t at = 0; at < program_.size(); ++at) {
    const sock_filter& one = program_[at];
    if (!reached_[at] || BPF_CLASS(one.code) == BPF_RET) continue;
    if (BPF_CLASS(one.code) != BPF_JMP) {
      reach(at + 1);
    } else if (BPF_OP(one.code) == BPF_JA) {
      reach(at + 1 + one.k);
    } else {
      reach(at + 1 + one.jt);
      reach(at + 1 + one.jf);
    }
  }
}

bool Translation::load(const sock_filter& one, std::uint8_t to) {
  const int size = BPF_SIZE(one.code);
  switch (BPF_MODE(one.code)) {
    case BPF_IMM:
      set(to, one.k);
      return true;
    case BPF_MEM:
      if (one.k >= BPF_MEMWORDS) return false;
      emit(BPF_LDX | BPF_MEM | BPF_W, to, BPF_REG_10, slot(one.k), 0);
      return true;
    case BPF_LEN:
      emit(BPF_LDX | BPF_MEM | BPF_W, to, kContext, offsetof(__sk_buff, len), 0);
      return true;
    case BPF_ABS:
      // Above are the kernel's own places (SKF_*).
      if (one.k > std::numeric_limits<std::int32_t>::max() || to != kA) return false;
      emit(BPF_LD | BPF_ABS | size, 0, 0, 0, one.k);
      move(kA, BPF_REG_0);
      return true;
    case BPF_IND:
      if (to != kA) return false;
      emit(BPF_LD | BPF_IND | size, 0, kX, 0, one.k);
      move(kA, BPF_REG_0);
      return true;
    case BPF_MSH:
      if (one.k > std::numeric_limits<std::int32_t>::max() || to != kX) return false;
      emit(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, one.k);
      move(kX, BPF_REG_0);
      emit(BPF_ALU | BPF_AND | BPF_K, kX, 0, 0, 0xf);
      emit(BPF_ALU | BPF_LSH | BPF_K, kX, 0, 0, 2);
      return true;
    default:
      return false;
  }
}

bool Translation::calculate(const sock_filter& one) {
  const int operation = BPF_OP(one.code);
  const bool by_x = BPF_SRC(one.code) == BPF_X;
  switch (operation) {
    case BPF_NEG:
      emit(BPF_ALU | BPF_NEG, kA, 0, 0, 0);
      return true;
    case BPF_DIV:
    case BPF_MOD:
      if (by_x) {
        jump(BPF_JMP32 | BPF_JEQ | BPF_K, kX, 0, 0, kDrop);
      } else if (one.k == 0) {
        return false;
      }
      break;
    case BPF_LSH:
    case BPF_RSH:
      if (!by_x && one.k >= 32) {
        set(kA, 0);
        return true;
      }
      if (by_x) {  // farther than the word is wide nothing remains
        emit(BPF_JMP32 | BPF_JLT | BPF_K, kX, 0, 2, 32);
        set(kA, 0);
        emit(BPF_JMP | BPF_JA, 0, 0, 1, 0);
      }
      break;
    case BPF_ADD:
    case BPF_SUB:
    case BPF_MUL:
    case BPF_OR:
    case BPF_AND:
    case BPF_XOR:
      break;
    default:
      return false;
  }
  emit(BPF_ALU | operation | (by_x ? BPF_X : BPF_K), kA, by_x ? kX : std::uint8_t{0}, 0,
       by_x ? 0 : one.k);
  return true;
}

bool Translation::branch(const sock_filter& one, std::size_t at) {
  const std::size_t following = kFirst + at + 1;
  const int operation = BPF_OP(one.code);
  if (operation == BPF_JA) {
    if (one.k > program_.size()) return false;
    jump(following + one.k);
    return true;
  }
  if (operation != BPF_JEQ && operation != BPF_JGT && operation != BPF_JGE &&
      operation != BPF_JSET) {
    return false;
  }
  const bool by_x = BPF_SRC(one.code) == BPF_X;
  jump(BPF_JMP32 | operation | (by_x ? BPF_X : BPF_K), kA, by_x ? kX : std::uint8_t{0},
       by_x ? 0 : one.k, following + one.jt);
  if (one.jf > 0) jump(following + one.jf);
  return true;
}

bool Translation::instruction(std::size_t at) {
  const sock_filter& one = program_[at];
  switch (BPF_CLASS(one.code)) {
    case BPF_LD:
      return load(one, kA);
    case BPF_LDX:
      return load(one, kX);
    case BPF_ST:
    case BPF_STX:
      if (one.k >= BPF_MEMWORDS) return false;
      emit(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_CLASS(one.code) == BPF_ST ? kA : kX,
           slot(one.k), 0);
      return true;
    case BPF_ALU:
      return calculate(one);
    case BPF_JMP:
      return branch(one, at);
    case BPF_RET:
      if (BPF_RVAL(one.code) == BPF_A) {
        jump(BPF_JMP32 | BPF_JEQ | BPF_K, kA, 0, 0, kDrop);
        jump(kAccept);
      } else {
        jump(one.k == 0 ? kDrop : kAccept);
      }
      return true;
    case BPF_MISC:
      move(BPF_MISCOP(one.code) == BPF_TAX ? kX : kA, BPF_MISCOP(one.code) == BPF_TAX ? kA : kX);
      return true;
    default:
      return false;
  }
}

Result<std::vector<bpf_insn>> Translation::run(int programs, std::int32_t next) {
  emit(BPF_ALU64 | BPF_MOV | BPF_X, kContext, BPF_REG_1, 0, 0);
  set(kA, 0);
  set(kX, 0);
  bool remembers = false;
  for (const sock_filter& one : program_) {
    const int kind = BPF_CLASS(one.code);
    const bool loads = kind == BPF_LD || kind == BPF_LDX;
    remembers = remembers || (loads && BPF_MODE(one.code) == BPF_MEM);
  }
  for (std::uint32_t i = 0; remembers && i < BPF_MEMWORDS; ++i) {
    emit(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, kA, slot(i), 0);
  }
  places_.resize(kFirst + program_.size());
  find_reached();
  for (std::size_t at = 0; at < program_.size(); ++at) {
    places_[kFirst + at] = code_.size();
    if (!reached_[at]) continue;
    if (!instruction(at)) {
      return failure(fmt::format("instruction {} of the filter, code {:#x}, has no translation", at,
                                 program_[at].code));
    }
  }
  finish(programs, next);
  if (code_.size() > kMaxInstructions) {
    return failure(fmt::format("the filter would have {} instructions", code_.size()));
  }
  for (const Jump& one : jumps_) {
    if (one.place >= places_.size()) return failure("the filter jumps out of itself");
    const auto distance =
        static_cast<std::int64_t>(places_[one.place]) - static_cast<std::int64_t>(one.at) - 1;
    code_[one.at].off = static_cast<std::int16_t>(distance);
  }
  return std::move(code_);
}

// The two ends, as far as something goes there.
void Translation::finish(int programs, std::int32_t next) {
  const auto used = [&](std::size_t place) {
    return std::any_of(jumps_.begin(), jumps_.end(),
                       [&](const Jump& one) { return one.place == place; });
  };
  places_[kDrop] = code_.size();
  if (used(kDrop)) {
    set(BPF_REG_0, 0);
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  }
  places_[kAccept] = code_.size();
  if (!used(kAccept)) return;
  emit(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, kContext, 0, 0);
  emit(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_2, BPF_PSEUDO_MAP_FD, 0,
       static_cast<std::uint32_t>(programs));
  emit(0, 0, 0, 0, 0);
  set(BPF_REG_3, static_cast<std::uint32_t>(next));
  emit(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call);
  set(BPF_REG_0, ~std::uint32_t{0});
  emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

}  // namespace

Result<std::vector<bpf_insn>> translate_classic(std::span<const sock_filter> program, int programs,
                                                std::int32_t next) {
  return Translation(program).run(programs, next);
}

}  // namespace weir
