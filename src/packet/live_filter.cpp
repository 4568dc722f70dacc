#include "packet/live_filter.h"

#include <fmt/format.h>
#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace weir {
namespace {

using Program = LiveFilter::Program;

struct Range {
  std::uint32_t first, last;
};

std::vector<Range> ranges_of(std::vector<std::uint32_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  std::vector<Range> ranges;
  for (const auto number : numbers) {
    if (!ranges.empty() && number <= ranges.back().last + 1) {
      ranges.back().last = number;
    } else {
      ranges.push_back({number, number});
    }
  }
  return ranges;
}

// Classic conditional jumps reach 255 instructions; here each is followed by an unconditional one,
// which reaches any.
class Assembler {
 public:
  using Label = std::size_t;

  Label label() {
    targets_.push_back(0);
    return targets_.size() - 1;
  }
  void place(Label label) { targets_[label] = code_.size(); }
  // A = what the kernel knows of the packet (SKF_AD_*).
  void load(int what) {
    emit(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + what));
  }
  void jump(Label to) {
    jumps_.push_back({code_.size(), to});
    emit(BPF_JMP | BPF_JA, 0);
  }
  // `test`: BPF_JEQ, BPF_JGT, BPF_JGE, of A and `value`.
  void jump_if(std::uint16_t test, std::uint32_t value, Label to) {
    code_.push_back({static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), 0, 1, value});
    jump(to);
  }
  void drop() { emit(BPF_RET | BPF_K, 0); }
  void append(const Program& program) { code_.insert(code_.end(), program.begin(), program.end()); }
  Program finish() {
    for (const auto& [at, to] : jumps_) {
      code_[at].k = static_cast<std::uint32_t>(targets_[to] - at - 1);
    }
    return std::move(code_);
  }

 private:
  struct Jump {
    std::size_t at;
    Label to;
  };
  void emit(int code, std::uint32_t value) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, value});
  }

  Program code_;
  std::vector<std::size_t> targets_;
  std::vector<Jump> jumps_;
};

// A binary search of A.
void search(Assembler& out, std::span<const Range> ranges, Assembler::Label found,
            Assembler::Label absent) {
  if (ranges.empty()) return out.jump(absent);
  if (ranges.size() == 1) {
    const auto [first, last] = ranges[0];
    if (first == last) {
      out.jump_if(BPF_JEQ, first, found);
    } else {
      out.jump_if(BPF_JGT, last, absent);
      out.jump_if(BPF_JGE, first, found);
    }
    return out.jump(absent);
  }
  const auto upper = ranges.subspan(ranges.size() / 2);
  const auto upper_half = out.label();
  out.jump_if(BPF_JGE, upper[0].first, upper_half);
  search(out, ranges.first(ranges.size() / 2), found, absent);
  out.place(upper_half);
  search(out, upper, found, absent);
}

// Words are what names can be made of: "vlan" is not one of vlan-host.example.
bool has_word(std::string_view text, std::string_view word) {
  constexpr std::string_view kInNames =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  const auto in_name = [&](std::size_t at) {
    return at < text.size() && kInNames.find(text[at]) != std::string_view::npos;
  };
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    if ((at == 0 || !in_name(at - 1)) && !in_name(at + word.size())) return true;
  }
  return false;
}

struct ClosePcap {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};

Result<Program> compile_for(int link_type, const std::string& expression,
                            std::uint32_t snap_length) {
  const std::unique_ptr<pcap_t, ClosePcap> pcap(
      pcap_open_dead(link_type, static_cast<int>(snap_length)));
  if (!pcap) return failure("compile the filter: out of memory");
  bpf_program compiled{};
  if (pcap_compile(pcap.get(), &compiled, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    return failure(fmt::format("filter '{}': {} (pcap-filter(7) describes the language)",
                               expression, pcap_geterr(pcap.get())));
  }
  Program program;
  for (const auto& one : std::span(compiled.bf_insns, compiled.bf_len)) {
    program.push_back({one.code, one.jt, one.jf, one.k});
  }
  pcap_freecode(&compiled);
  return program;
}

}  // namespace

Program LiveFilter::nothing() { return {{BPF_RET | BPF_K, 0, 0, 0}}; }

Result<LiveFilter> LiveFilter::compile(const std::string& expression, std::uint32_t snap_length) {
  if (has_word(expression, "vlan")) {
    return failure(
        fmt::format("filter '{}': live, the kernel has taken VLAN tags off before the filter runs; "
                    "leave `vlan` "
                    "out (tagged packets match too), or capture the VLAN's own interface",
                    expression));
  }
  LiveFilter filter;
  auto ethernet = compile_for(DLT_EN10MB, expression, snap_length);
  if (!ethernet) return tl::unexpected(ethernet.error());
  filter.ethernet_ = std::move(*ethernet);
  // An expression about Ethernet or ARP does not compile here, and matches nothing.
  auto raw = compile_for(DLT_RAW, expression, snap_length);
  filter.raw_ = raw ? std::move(*raw) : nothing();
  return filter;
}

Result<Program> LiveFilter::program(
    const std::optional<std::vector<std::uint32_t>>& interfaces) const {
  Assembler out;
  const auto drop = out.label(), wanted = out.label(), ethernet = out.label(), raw = out.label(),
             loopback = out.label();
  if (interfaces) {
    out.load(SKF_AD_IFINDEX);
    search(out, ranges_of(*interfaces), wanted, drop);
  }
  out.place(wanted);
  out.load(SKF_AD_HATYPE);
  out.jump_if(BPF_JEQ, ARPHRD_ETHER, ethernet);
  out.jump_if(BPF_JEQ, ARPHRD_LOOPBACK, loopback);
  out.jump(raw);
  // What loopback sends it also receives.
  out.place(loopback);
  out.load(SKF_AD_PKTTYPE);
  out.jump_if(BPF_JEQ, PACKET_OUTGOING, drop);
  out.place(ethernet);
  out.append(ethernet_);
  out.place(raw);
  out.append(raw_);
  out.place(drop);
  out.drop();
  auto program = out.finish();
  if (program.size() > BPF_MAXINSNS) {
    return failure(fmt::format(
        "the kernel's capture filter would have {} instructions and may have {}: choose fewer "
        "interfaces or `any`, or a shorter filter",
        program.size(), BPF_MAXINSNS));
  }
  return program;
}

}  // namespace weir
