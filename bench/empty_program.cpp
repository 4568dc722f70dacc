// bench_empty_program INTERFACE: attaches a program that does nothing to the TC hook of both
// directions, as weir attaches its own, says `ready`, and holds it there until it is ended: the
// least that any observer at that hook costs.
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "kernel/tc_attachment.h"
#include "live/made_programs.h"
#include "live/own_namespace.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const weir::EmptyProgram empty(BPF_PROG_TYPE_SCHED_CLS, -1);
  std::vector<weir::TcAttachment> held;
  for (const traffic_direction direction : {TRAFFIC_INGRESS, TRAFFIC_EGRESS}) {
    auto attached = weir::TcAttachment::attach(empty.fd(), weir::index_of(argv[1]), direction,
                                               weir::TcMode::kTcx, nullptr);
    if (!attached) {
      std::fprintf(stderr, "%s\n", attached.error().text().c_str());
      return 1;
    }
    held.push_back(std::move(*attached));
  }
  std::fputs("ready\n", stderr);
  pause();
}
