#include <fmt/format.h>

#include "cli/doctor_check.h"
#include "kernel/clsact.h"
#include "kernel/interface.h"
#include "kernel/tc_attachment.h"
#include "kernel/traffic_program.h"

namespace weir {
namespace {

constexpr std::string_view kSetcap =
    "run as root or: sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep weir";

// How this interface would be counted, and why so.
Check check_interface(const Interface& interface, bool tcx) {
  Check check{interface.name, State::kOk, "", ""};
  if (tcx) {
    check.detail = "tcx: a link, in front of other programs; ends with weir";
    return check;
  }
  check.detail = "clsact: this kernel has no TCX (Linux 6.6); a filter with a handle of weir's own";
  const auto left = clsact_leftovers(interface.index);
  if (left && !left->empty()) {
    check.state = State::kLimited;
    check.detail += fmt::format("; {} filters of a killed weir are there", left->size());
    check.advice = "weir cleanup, or the next start, removes them";
  }
  return check;
}

}  // namespace

LensCheckup check_interfaces() {
  const auto mine = Privileges::of_this_thread();
  LensCheckup checkup;
  auto& checks = checkup.checks;
  checks.push_back(check_capability(mine, Capability::kBpf, State::kMissing,
                                    "to load the programs that count", kSetcap));
  checks.push_back(check_capability(mine, Capability::kNetAdmin, State::kMissing,
                                    "to attach them to interfaces", kSetcap));
  checks.push_back(check_capability(mine, Capability::kPerfmon, State::kMissing,
                                    "to read what super packets become on the wire", kSetcap));
  const auto interfaces = list_interfaces();
  const auto program = TrafficProgram::load(interfaces ? interfaces->size() : 0);
  if (!program) {
    checks.push_back({"programs", State::kMissing, program.error().text(), ""});
    return checkup;
  }
  checks.push_back({"programs", State::kOk, "load", ""});
  const auto tcx = has_tcx((*program)->fd(TRAFFIC_INGRESS));
  if (!tcx) {
    checks.push_back({"attach", State::kMissing, tcx.error().text(), ""});
    return checkup;
  }
  checkup.works = true;
  if (!interfaces) return checkup;
  for (const Interface& interface : *interfaces) checks.push_back(check_interface(interface, *tcx));
  return checkup;
}

}  // namespace weir
