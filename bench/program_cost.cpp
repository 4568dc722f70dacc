// program_cost: what the programs at the TC hook cost a packet, by the kernel's own test-run timer,
// in turns with a program that does nothing. The timer's loop is in both. Needs root.
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include "kernel/flow_program.h"
#include "kernel/traffic_program.h"
#include "live/made_programs.h"

namespace {

constexpr std::uint32_t kRepeat = 3'000'000;
constexpr int kRounds = 15;
constexpr std::uint32_t kLoopback = 1;

// Nanoseconds per run.
std::uint32_t timed(int program_fd, __sk_buff& context) {
  // UDP over IPv4.
  std::array<std::uint8_t, 64> frame{};
  frame[12] = 0x08;
  frame[14] = 0x45;
  frame[23] = 17;
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(),
              .ctx_in = &context, .ctx_size_in = sizeof context, .repeat = kRepeat);
  return bpf_prog_test_run_opts(program_fd, &options) == 0 ? options.duration : 0;
}

struct Row {
  const char* name;
  int fd;
  __sk_buff context;
  std::vector<std::uint32_t> times;

  std::uint32_t median() {
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }
};

}  // namespace

int main() {
  auto program = weir::TrafficProgram::load(1);
  if (!program || !(*program)->add(kLoopback)) {
    std::fprintf(stderr, "%s\n", program ? "no room" : program.error().text().c_str());
    return 1;
  }
  // Another interface has the place of this one's index, which is found by a hash map then.
  auto crowded = weir::TrafficProgram::load(1);
  if (!crowded || !(*crowded)->add(kLoopback + weir::TrafficProgram::kMinPlaces) ||
      !(*crowded)->add(kLoopback)) {
    return 1;
  }
  auto flows = weir::FlowProgram::load({});
  if (!flows) return 1;
  const weir::EmptyProgram empty(BPF_PROG_TYPE_SCHED_CLS, -1);
  __sk_buff plain{}, super{};
  plain.ifindex = super.ifindex = kLoopback;
  super.gso_size = 1000;
  super.gso_segs = 2;
  Row rows[] = {{"empty", empty.fd(), plain, {}},
                {"interfaces, ingress", (*program)->fd(TRAFFIC_INGRESS), plain, {}},
                {"interfaces, egress", (*program)->fd(TRAFFIC_EGRESS), plain, {}},
                {"interfaces, ingress, displaced", (*crowded)->fd(TRAFFIC_INGRESS), plain, {}},
                {"flows, ingress, one flow", (*flows)->fd(TRAFFIC_INGRESS, false), plain, {}},
                {"interfaces, ingress, super packet", (*program)->fd(TRAFFIC_INGRESS), super, {}},
                {"interfaces, egress, super packet", (*program)->fd(TRAFFIC_EGRESS), super, {}}};
  for (int round = 0; round < kRounds; ++round) {
    for (Row& row : rows) row.times.push_back(timed(row.fd, row.context));
  }
  const double base = rows[0].median();
  std::printf("%-36s %9s %9s\n", "program", "ns/packet", "x empty");
  for (Row& row : rows) {
    std::printf("%-36s %9u %9.2f\n", row.name, row.median(), row.median() / base);
  }
  return 0;
}
