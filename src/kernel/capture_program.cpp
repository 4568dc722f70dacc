#include "kernel/capture_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/fd.h"
#include "kernel/classic_filter.h"
#include "kernel/hash_map.h"
#include "kernel/load_error.h"
#include "requests.skel.h"

namespace weir {
namespace {

// Places in the map `expressions`, as in bpf/requests.bpf.c.
constexpr std::uint32_t kEthernet = 0;
constexpr std::uint32_t kNetworkLayer = 1;
constexpr std::uint32_t kJudge = 2;

constexpr const char* kLoad = "load the capture filter";
constexpr std::initializer_list<Capability> kCapabilities{Capability::kBpf};

HashMap<std::uint32_t, std::uint32_t> interface_map(const requests_bpf& skeleton) {
  return HashMap<std::uint32_t, std::uint32_t>(bpf_map__fd(skeleton.maps.interfaces));
}

}  // namespace

void CaptureProgram::Unload::operator()(requests_bpf* skeleton) const {
  requests_bpf__destroy(skeleton);
}

CaptureProgram::~CaptureProgram() = default;

Result<std::unique_ptr<CaptureProgram>> CaptureProgram::load(const Settings& settings) {
  const LibbpfLog log;
  std::unique_ptr<CaptureProgram> program(new CaptureProgram);
  program->skeleton_.reset(requests_bpf__open());
  if (!program->skeleton_) return load_error(kLoad, errno, kCapabilities, log);
  requests_bpf& skeleton = *program->skeleton_;
  // Nobody is to choose addresses and ports that share a slot. Without entropy yet: the address of
  // this object is better than nothing.
  if (getrandom(&program->hash_seed_, sizeof program->hash_seed_, GRND_NONBLOCK) < 0) {
    program->hash_seed_ = reinterpret_cast<std::uintptr_t>(program.get());
  }
  skeleton.rodata->hash_seed = program->hash_seed_;
  skeleton.rodata->choose_interfaces = settings.choose_interfaces || settings.expression;
  skeleton.rodata->has_expression = settings.expression.has_value();
  skeleton.rodata->follow_tunnels = settings.follow_tunnels;
  if (const int status = requests_bpf__load(&skeleton); status != 0) {
    return load_error(kLoad, -status, kCapabilities, log);
  }
  auto mapped = MappedArray<copy_verdict>::map(bpf_map__fd(skeleton.maps.verdicts),
                                               COPY_VERDICT_SLOTS, "map the copy verdicts");
  if (!mapped) return tl::unexpected(mapped.error());
  program->verdicts_ = std::move(*mapped);
  if (!settings.expression) return program;
  const int judge = bpf_program__fd(skeleton.progs.judge);
  const int expressions = bpf_map__fd(skeleton.maps.expressions);
  if (bpf_map_update_elem(expressions, &kJudge, &judge, BPF_ANY) != 0) {
    return system_failure("load the capture filter: join its parts");
  }
  for (const auto& [classic, place] :
       {std::pair(&settings.expression->ethernet, kEthernet),
        std::pair(&settings.expression->network_layer, kNetworkLayer)}) {
    if (auto added = program->add_expression(*classic, place); !added) {
      return tl::unexpected(added.error());
    }
  }
  return program;
}

Result<> CaptureProgram::add_expression(const std::vector<sock_filter>& classic,
                                        std::uint32_t place) {
  const int expressions = bpf_map__fd(skeleton_->maps.expressions);
  const auto code = translate_classic(classic, expressions, static_cast<std::int32_t>(kJudge));
  if (!code) return tl::unexpected(code.error());
  const Fd loaded(bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "expression", "Dual BSD/GPL",
                                code->data(), code->size(), nullptr));
  if (!loaded.valid()) return system_failure("load the filter's expression");
  const int fd = loaded.get();
  if (bpf_map_update_elem(expressions, &place, &fd, BPF_ANY) == 0) return {};
  return system_failure("load the filter's expression: join it to the capture filter");
}

int CaptureProgram::steering() const { return bpf_program__fd(skeleton_->progs.steer); }
int CaptureProgram::filter() const { return bpf_program__fd(skeleton_->progs.capture); }

Result<> CaptureProgram::add_interface(std::uint32_t index, bool has_ethernet_header) {
  const std::uint32_t begins_with = has_ethernet_header ? kEthernet : kNetworkLayer;
  return interface_map(*skeleton_)
      .set(index, begins_with, "tell the capture filter of an interface");
}

void CaptureProgram::remove_interface(std::uint32_t index) {
  interface_map(*skeleton_).erase(index);
}

FilteredPackets CaptureProgram::filtered() const {
  const auto processors = static_cast<std::size_t>(std::max(1, libbpf_num_possible_cpus()));
  std::vector<capture_counts> counts(processors);
  const std::uint32_t zero = 0;
  FilteredPackets sum;
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.counts), &zero, counts.data()) != 0) {
    return sum;
  }
  for (const capture_counts& one : counts) {
    // Another processor may be between the two: what it has only examined is on its way.
    sum.expression += one.examined - one.matched;
    sum.opaque += one.opaque;
    sum.shortened += one.shortened;
    sum.spared_bytes += one.spared_bytes;
  }
  return sum;
}

}  // namespace weir
