#include "kernel/steering.h"

#include <fcntl.h>

#include <cerrno>
#include <memory>

#include "kernel/libbpf_log.h"
#include "requests.skel.h"

namespace weir {
namespace {

struct Destroy {
  void operator()(requests_bpf* skeleton) const { requests_bpf__destroy(skeleton); }
};

Error load_error(int error, const LibbpfLog& log) {
  std::string context = "load the steering program";
  if (error == EPERM || error == EACCES) {
    context += " (needs CAP_BPF: run as root or: sudo setcap cap_net_raw,cap_bpf+ep weir)";
  } else if (!log.first_warning().empty()) {
    context += " (" + log.first_warning() + ")";
  }
  return {context, {error, std::generic_category()}};
}

}  // namespace

Result<Fd> load_steering_program() {
  const LibbpfLog log;
  const std::unique_ptr<requests_bpf, Destroy> skeleton(requests_bpf__open());
  if (!skeleton) return tl::unexpected(load_error(errno, log));
  if (const int status = requests_bpf__load(skeleton.get()); status != 0) {
    return tl::unexpected(load_error(-status, log));
  }
  Fd program(fcntl(bpf_program__fd(skeleton->progs.steer), F_DUPFD_CLOEXEC, 0));
  if (!program.valid()) return system_failure("load the steering program");
  return program;
}

}  // namespace weir
