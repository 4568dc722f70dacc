#include "flow_cycle.h"

#include <time.h>

#include <memory>

#include "flow_designs.h"
#include "kernel/flow_program.h"
#include "lens/flow_counts.h"

namespace weir {
namespace {

constexpr std::uint32_t kBits = 17;
constexpr std::uint32_t kMaxFlows = 1 << kBits;

// As lens/flows.cpp reads them.
void read(FlowProgram& program, FlowCounts& counts, Nanos now) {
  const auto leave = [&](const flow_leaver& leaver) { counts.leave(leaver, now); };
  program.take_leavers(leave);
  flow_slot slot;
  flow_more more;
  const std::size_t slots = program.slot_count();
  for (std::size_t index = 0; index < slots; ++index) {
    if (!program.read(index, slot, more) || counts.see(index, slot, more, now)) continue;
    program.take_leavers(leave);
    if (program.read(index, slot, more)) counts.see(index, slot, more, now);
  }
}

template <class Work>
double cpu_ns(const Work& work) {
  timespec before{}, after{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
  work();
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
  return static_cast<double>(after.tv_sec - before.tv_sec) * 1e9 +
         static_cast<double>(after.tv_nsec - before.tv_nsec);
}

}  // namespace

Result<FlowCycles> measure_flow_cycles(std::uint32_t flows, int rounds) {
  auto loaded = FlowDesigns::load(2 * kMaxFlows);
  if (!loaded) return tl::unexpected(loaded.error());
  FlowDesigns& designs = **loaded;
  auto program = FlowProgram::load({.flows_per_processor = kMaxFlows});
  if (!program) return tl::unexpected(program.error());
  FlowCounts counts(kMaxFlows, (*program)->slot_count());
  FlowCycles cycles;
  cycles.flows = flows;
  cycles.slots = (*program)->slot_count();
  // The first so many of a sequence in which each comes once.
  const auto packet_of_each = [&](int fd) {
    designs.restart();
    designs.run(fd, FlowOrder::in_turns(kBits), flows, flows, [] {});
  };
  for (int round = 0; round <= rounds; ++round) {
    packet_of_each((*program)->fd(TRAFFIC_INGRESS, false));
    packet_of_each(designs.program(FlowDesigns::Kind::kPercpuHash));
    const double changed = cpu_ns([&] { read(**program, counts, round); });
    const double idle = cpu_ns([&] { read(**program, counts, round); });
    std::uint64_t sum = 0;
    const double loop = cpu_ns([&] {
      designs.read(FlowDesigns::Kind::kPercpuHash,
                   [&](const flow_key&, std::uint64_t packets) { sum += packets; });
    });
    const std::uint64_t sent = std::uint64_t{flows} * (static_cast<unsigned>(round) + 1);
    if (counts.size() != flows || counts.all().packets != sent || sum != sent) {
      return failure("a cycle has not found every packet");
    }
    if (round == 0) continue;  // makes the flows
    cycles.changed.push_back(changed);
    cycles.idle.push_back(idle);
    cycles.loop.push_back(loop);
  }
  return cycles;
}

}  // namespace weir
