#include "cli/doctor_check.h"
#include "kernel/connection_program.h"

namespace weir {

LensCheckup check_connections() {
  LensCheckup checkup;
  auto& checks = checkup.checks;
  const auto mine = Privileges::of_this_thread();
  checks.push_back(check_capability(mine, Capability::kBpf, State::kMissing,
                                    "to load the programs that follow connections"));
  checks.push_back(check_capability(mine, Capability::kPerfmon, State::kMissing,
                                    "to attach them, and to read sockets"));
  checks.push_back(check_capability(mine, Capability::kSysAdmin, State::kLimited,
                                    "to find older connections of other network namespaces"));
  checks.push_back(
      check_capability(mine, Capability::kSysPtrace, State::kLimited, "to find these namespaces"));
  checks.push_back(check_capability(mine, Capability::kDacReadSearch, State::kLimited,
                                    "to name containers by their control group"));
  const auto program = ConnectionProgram::load({});
  if (!program) {
    checks.push_back({"programs", State::kMissing, program.error().text(), ""});
    return checkup;
  }
  checks.push_back({"programs", State::kOk, "load, at tracepoints and iterators", ""});
  checkup.works = true;
  return checkup;
}

}  // namespace weir
