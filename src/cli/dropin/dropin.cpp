#include "cli/dropin/dropin.h"

#include <utility>

#include "cli/dropin/netprobe_agent.h"
#include "cli/dropin/nettracersrv.h"
#include "cli/dropin/xtrace_catch.h"

namespace weir {
namespace {

constexpr std::pair<std::string_view, Dropin> kDropins[] = {
    {"netprobe-agent", run_netprobe_agent},
    {"nettracersrv", run_nettracersrv},
    {"xtrace-catch", run_xtrace_catch},
};

}  // namespace

Dropin find_dropin(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (const auto& [known, run] : kDropins) {
    if (name == known) return run;
  }
  return nullptr;
}

std::string dropin_names() {
  std::string names;
  for (const auto& [name, run] : kDropins) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

}  // namespace weir
