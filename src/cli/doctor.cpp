#include "cli/doctor.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/doctor_check.h"

namespace weir {
namespace {

constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";

std::string_view state_name(State state) {
  switch (state) {
    case State::kOk:
      return "ok";
    case State::kLimited:
      return "limited";
    case State::kMissing:
      return "missing";
  }
  return "";
}

Check check_kernel() {
  utsname system{};
  uname(&system);
  int major = 0, minor = 0;
  const bool known = std::sscanf(system.release, "%d.%d", &major, &minor) == 2;
  const bool promised = known && (major > 6 || (major == 6 && minor >= 1));
  const auto detail = fmt::format("Linux {} {}", system.release, system.machine);
  if (promised) return {"kernel", State::kOk, detail, ""};
  return {"kernel", State::kLimited, detail, "weir is tested from Linux 6.1 on"};
}

Check check_btf() {
  if (access(kBtf, R_OK) == 0) return {"btf", State::kOk, kBtf, ""};
  return {"btf", State::kLimited, fmt::format("no {}", kBtf),
          "the requests lens does without; others need a kernel with CONFIG_DEBUG_INFO_BTF"};
}

LensCheckup check_host() {
  return {{check_kernel(),
           check_btf(),
           {"user", State::kOk, fmt::format("uid {}, effective {}", getuid(), geteuid()), ""}},
          true};
}

void print_json(std::string_view lens, const Check& check, std::ostream& out) {
  nlohmann::ordered_json object{{"lens", lens},
                                {"check", check.name},
                                {"status", state_name(check.state)},
                                {"detail", check.detail}};
  if (!check.advice.empty()) object["advice"] = check.advice;
  out << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void print_text(const Check& check, std::ostream& out) {
  out << fmt::format("  {:<15} {:<7}  {}", check.name, state_name(check.state), check.detail);
  if (!check.advice.empty()) out << "; " << check.advice;
  out << '\n';
}

}  // namespace

Check check_capability(const Privileges& mine, Capability capability, State without,
                       std::string_view purpose) {
  const std::string name(capability_name(capability));
  if (mine.effective(capability)) return {name, State::kOk, std::string(purpose), ""};
  if (mine.suffices(capability)) {
    return {name, State::kOk, fmt::format("by cap_sys_admin: {}", purpose), ""};
  }
  return {
      name, without,
      fmt::format("{}: {}", mine.permitted(capability) ? "permitted, not effective" : "not held",
                  purpose),
      privilege_advice()};
}

int run_doctor(bool json, std::ostream& out) {
  struct Section {
    std::string_view lens, works, does_not;
    LensCheckup checkup;
  };
  const Section sections[] = {
      {"host", "", "", check_host()},
      {"interfaces", "works", "does not work", check_interfaces()},
      {"flows", "works", "does not work", check_flows()},
      {"connections", "works", "does not work", check_connections()},
      {"drops", "works", "does not work", check_drops()},
      {"requests", "live capture works",
       "live capture does not work; reading files (weir requests -r FILE) does", check_requests()},
  };
  bool all = true;
  for (const auto& [lens, works, does_not, checkup] : sections) {
    if (!json)
      out << lens << (works.empty() ? "" : ": ") << (checkup.works ? works : does_not) << '\n';
    for (const Check& check : checkup.checks) {
      json ? print_json(lens, check, out) : print_text(check, out);
    }
    all = all && checkup.works;
  }
  out.flush();
  return all ? 0 : 1;
}

}  // namespace weir
