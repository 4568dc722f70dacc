#include <fmt/format.h>

#include "cli/doctor_check.h"
#include "kernel/drop_program.h"

namespace weir {

LensCheckup check_drops() {
  LensCheckup checkup;
  auto& checks = checkup.checks;
  const auto mine = Privileges::of_this_thread();
  checks.push_back(check_capability(mine, Capability::kBpf, State::kMissing,
                                    "to load the program that sees drops"));
  checks.push_back(check_capability(mine, Capability::kPerfmon, State::kMissing,
                                    "to attach it, and to read packets"));
  const auto program = DropProgram::load({});
  if (!program) {
    checks.push_back({"program", State::kMissing, program.error().text(), ""});
    return checkup;
  }
  checkup.works = true;
  checks.push_back({"program", State::kOk, "loads", ""});
  if ((*program)->knows_functions()) {
    checks.push_back({"functions", State::kOk, "the kernel shows its addresses", ""});
  } else {
    checks.push_back({"functions", State::kLimited,
                      "the kernel hides its addresses: functions "
                      "that drop are numbers",
                      "give weir CAP_SYSLOG (kernel.kptr_restrict)"});
  }
  return checkup;
}

}  // namespace weir
