#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "cli/doctor_check.h"
#include "kernel/capture_program.h"
#include "packet/capture_group.h"

namespace weir {
namespace {

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

}  // namespace

LensCheckup check_requests() {
  const auto mine = Privileges::of_this_thread();
  LensCheckup checkup;
  auto& checks = checkup.checks;
  checks.push_back(
      check_capability(mine, Capability::kNetRaw, State::kMissing, "to open packet sockets"));
  checks.push_back(check_capability(mine, Capability::kBpf, State::kLimited,
                                    "for the capture filter and several workers"));
  checks.push_back(check_ring(checkup.works));
  checks.push_back(check_program());
  checks.push_back(check_workers(checks.back().state == State::kOk));
  return checkup;
}

}  // namespace weir
