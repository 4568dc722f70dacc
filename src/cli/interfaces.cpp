#include "cli/interfaces.h"

#include <memory>

#include "agent/interfaces_run.h"
#include "base/log.h"
#include "cli/options.h"

namespace weir {

void add_interfaces(CLI::App& app, int& status) {
  auto settings = std::make_shared<InterfacesSettings>();
  CLI::App* verb = app.add_subcommand("interfaces", "How much crosses each interface, each way");
  verb->add_option("-i,--interface", settings->interfaces,
                   "Watch this interface: a name, a glob, or any (default: any)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->add_option_function<std::string>(
          "--attach",
          [settings](const std::string& mode) {
            if (mode == "tcx") {
              settings->attach = TcMode::kTcx;
            } else if (mode == "clsact") {
              settings->attach = TcMode::kClsact;
            } else if (mode != "auto") {
              throw CLI::ValidationError("--attach", "'" + mode + "' is not auto, tcx or clsact");
            }
          },
          "How to attach: auto (by the kernel, the default), tcx or clsact")
      ->type_name("MODE");
  add_duration(*verb, "-t,--interval", settings->interval, "Between samples (default: 5s)");
  verb->add_flag("--active-only", settings->active_only,
                 "Only interfaces that have carried something since the start");
  add_output_format(*verb, settings->output);
  add_listen(*verb, settings->listen);
  add_duration(*verb, "--duration", settings->duration, "End after this time");
  add_count(*verb, settings->count, "samples", " of each interface");
  verb->callback([&status, settings] {
    if (settings->interval < 10 * kMillisecond) {
      throw CLI::ValidationError("-t", "an interval is 10ms at least");
    }
    const Result<> done = run_interfaces(*settings);
    if (!done) log_error(done.error().text());
    status = done ? 0 : 1;
  });
}

}  // namespace weir
