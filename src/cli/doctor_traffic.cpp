#include <fmt/format.h>

#include <functional>
#include <memory>

#include "cli/doctor_check.h"
#include "kernel/clsact.h"
#include "kernel/flow_program.h"
#include "kernel/interface.h"
#include "kernel/tc_attachment.h"
#include "kernel/traffic_program.h"

namespace weir {
namespace {

// How the interfaces would be counted, and why so.
Check check_attaching(const std::vector<Interface>& interfaces, bool tcx) {
  std::string names;
  for (const Interface& interface : interfaces) {
    names += (names.empty() ? "" : ", ") + interface.name;
  }
  return {"attach", State::kOk,
          fmt::format("{}: {}",
                      tcx ? "tcx (links, in front of other programs, gone with weir)"
                          : "clsact (filters with handles of weir's own: this kernel has no TCX, "
                            "Linux 6.6)",
                      names),
          ""};
}

// What a killed weir has left on the interfaces that have something.
void check_leftovers(const std::vector<Interface>& interfaces, std::vector<Check>& checks) {
  for (const Interface& interface : interfaces) {
    const auto left = clsact_leftovers(interface.index);
    if (!left || left->empty()) continue;
    checks.push_back({"leftovers", State::kLimited,
                      fmt::format("{}: {} filters of a killed weir", interface.name, left->size()),
                      "weir cleanup removes them"});
  }
}

// Where flows that come in would be seen by XDP, if --attach auto asked for it.
Check check_xdp(const std::vector<Interface>& interfaces) {
  std::string names;
  for (const Interface& interface : interfaces) {
    if (!interface.kind.empty() || interface.is_loopback()) continue;
    names += (names.empty() ? "" : ", ") + interface.name;
  }
  return {"xdp", State::kOk,
          names.empty() ? "with --attach auto: nowhere, as no interface is hardware"
                        : fmt::format("with --attach auto, where the driver has it: {}", names),
          ""};
}

void check_capabilities(std::vector<Check>& checks) {
  const auto mine = Privileges::of_this_thread();
  checks.push_back(
      check_capability(mine, Capability::kBpf, State::kMissing, "to load the programs that count"));
  checks.push_back(check_capability(mine, Capability::kNetAdmin, State::kMissing,
                                    "to attach them to interfaces"));
  checks.push_back(check_capability(mine, Capability::kPerfmon, State::kMissing,
                                    "to read what super packets become on the wire"));
}

// Programs of the TC hook; `program_fd` is one of them.
template <class Program>
LensCheckup check_programs(const Result<std::unique_ptr<Program>>& program,
                           const std::function<int(const Program&)>& program_fd,
                           const Result<std::vector<Interface>>& interfaces) {
  LensCheckup checkup;
  auto& checks = checkup.checks;
  check_capabilities(checks);
  if (!program) {
    checks.push_back({"programs", State::kMissing, program.error().text(), ""});
    return checkup;
  }
  checks.push_back({"programs", State::kOk, "load", ""});
  const auto tcx = has_tcx(program_fd(**program));
  if (!tcx) {
    checks.push_back({"attach", State::kMissing, tcx.error().text(), ""});
    return checkup;
  }
  checkup.works = true;
  if (!interfaces) return checkup;
  checks.push_back(check_attaching(*interfaces, *tcx));
  check_leftovers(*interfaces, checks);
  return checkup;
}

}  // namespace

LensCheckup check_interfaces() {
  const auto interfaces = list_interfaces();
  return check_programs<TrafficProgram>(
      TrafficProgram::load(interfaces ? interfaces->size() : 0),
      [](const TrafficProgram& program) { return program.fd(TRAFFIC_INGRESS); }, interfaces);
}

LensCheckup check_flows() {
  const auto interfaces = list_interfaces();
  LensCheckup checkup = check_programs<FlowProgram>(
      FlowProgram::load({}),
      [](const FlowProgram& program) { return program.fd(TRAFFIC_INGRESS, false); }, interfaces);
  if (checkup.works && interfaces) checkup.checks.push_back(check_xdp(*interfaces));
  return checkup;
}

}  // namespace weir
