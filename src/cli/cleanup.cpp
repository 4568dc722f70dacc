#include "cli/cleanup.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "kernel/clsact.h"
#include "kernel/interface.h"

namespace weir {
namespace {

void print(const Interface& interface, const ClsactLeftover& left, bool json, std::ostream& out) {
  const char* direction = left.direction == TRAFFIC_INGRESS ? "ingress" : "egress";
  if (!json) {
    out << fmt::format("removed the {} filter with handle {:#x} from {}\n", direction, left.handle,
                       interface.name);
    return;
  }
  const nlohmann::ordered_json object{{"interface", interface.name},
                                      {"ifindex", interface.index},
                                      {"direction", direction},
                                      {"handle", left.handle}};
  out << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

}  // namespace

int run_cleanup(bool json, std::ostream& out) {
  const auto interfaces = list_interfaces();
  if (!interfaces) {
    log_error("clean up: " + interfaces.error().text());
    return 1;
  }
  std::size_t removed = 0;
  bool failed = false;
  for (const Interface& interface : *interfaces) {
    const auto left = clsact_leftovers(interface.index);
    if (!left) {
      failed = true;
      log_error("clean up " + interface.name + ": " + left.error().text());
      continue;
    }
    for (const ClsactLeftover& one : *left) {
      if (const Result<> done = remove_clsact_leftover(one); !done) {
        failed = true;
        log_error("clean up " + interface.name + ": " + done.error().text());
        continue;
      }
      ++removed;
      print(interface, one, json, out);
    }
  }
  if (!json && removed == 0 && !failed) out << "nothing was left behind\n";
  out.flush();
  return failed || !out ? 1 : 0;
}

}  // namespace weir
