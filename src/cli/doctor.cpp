#include "cli/doctor.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kernel/capture_program.h"
#include "kernel/privileges.h"
#include "packet/capture_group.h"

namespace weir {
namespace {

constexpr std::string_view kSetcap = "run as root or: sudo setcap cap_net_raw,cap_bpf+ep weir";
constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";

// kLimited: weir works without, but not as well.
enum class State { kOk, kLimited, kMissing };

struct Check {
  std::string name;
  State state;
  std::string detail;
  std::string advice;
};

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
          "capture does without; other lenses need a kernel with CONFIG_DEBUG_INFO_BTF"};
}

Check check_capability(const Privileges& mine, Capability capability, State without,
                       std::string_view purpose) {
  const std::string name(capability_name(capability));
  if (mine.effective(capability)) return {name, State::kOk, std::string(purpose), ""};
  return {
      name, without,
      fmt::format("{}: {}", mine.permitted(capability) ? "permitted, not effective" : "not held",
                  purpose),
      without == State::kOk ? "" : std::string(kSetcap)};
}

Check check_ring(bool& works) {
  const auto size = fmt::format("TPACKET_V3, {} MiB a worker", CaptureRing::kDefaultBytes >> 20);
  const auto ring = CaptureRing::open();
  if (!ring) return {"packet_ring", State::kMissing, ring.error().text(), ""};
  if (const auto bound = (*ring)->bind(0); !bound) {
    return {"packet_ring", State::kMissing, bound.error().text(), ""};
  }
  works = true;
  return {"packet_ring", State::kOk, size, ""};
}

Check check_program() {
  const auto program = CaptureProgram::load({});
  if (program) {
    return {"filter", State::kOk, "copies what is needed, spreads packets over several workers",
            ""};
  }
  return {"filter", State::kLimited, program.error().text(),
          "capture runs on one worker meanwhile, and copies every packet whole"};
}

Check check_workers(bool several) {
  const unsigned workers = several ? default_capture_workers() : 1;
  return {"workers", State::kOk,
          fmt::format("{} of {} processors", workers,
                      std::max(1U, std::thread::hardware_concurrency())),
          ""};
}

std::vector<Check> check_requests(bool& works) {
  const auto mine = Privileges::of_this_thread();
  std::vector<Check> checks{check_kernel(), check_btf()};
  checks.push_back(
      {"user", State::kOk, fmt::format("uid {}, effective {}", getuid(), geteuid()), ""});
  checks.push_back(
      check_capability(mine, Capability::kNetRaw, State::kMissing, "to open packet sockets"));
  checks.push_back(check_capability(mine, Capability::kBpf, State::kLimited,
                                    "for the capture filter and several workers"));
  checks.push_back(
      check_capability(mine, Capability::kNetAdmin, State::kOk, "not used by capture"));
  checks.push_back(check_capability(mine, Capability::kPerfmon, State::kOk, "not used by capture"));
  checks.push_back(check_ring(works));
  checks.push_back(check_program());
  checks.push_back(check_workers(checks.back().state == State::kOk));
  return checks;
}

void print_json(const Check& check, std::ostream& out) {
  nlohmann::ordered_json object{{"lens", "requests"},
                                {"check", check.name},
                                {"status", state_name(check.state)},
                                {"detail", check.detail}};
  if (!check.advice.empty()) object["advice"] = check.advice;
  out << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void print_text(const Check& check, std::ostream& out) {
  out << fmt::format("  {:<13} {:<7}  {}", check.name, state_name(check.state), check.detail);
  if (!check.advice.empty()) out << "; " << check.advice;
  out << '\n';
}

}  // namespace

int run_doctor(bool json, std::ostream& out) {
  bool works = false;
  const auto checks = check_requests(works);
  if (!json) out << "requests (live capture)\n";
  for (const auto& check : checks) json ? print_json(check, out) : print_text(check, out);
  if (!json) {
    out << (works ? "live capture works\n"
                  : "live capture does not work; reading files (weir requests -r FILE) does\n");
  }
  out.flush();
  return works ? 0 : 1;
}

}  // namespace weir
