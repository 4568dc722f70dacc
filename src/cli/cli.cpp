#include "cli/cli.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/cleanup.h"
#include "cli/connections.h"
#include "cli/doctor.h"
#include "cli/dropin/dropin.h"
#include "cli/drops.h"
#include "cli/flows.h"
#include "cli/interfaces.h"
#include "cli/list.h"
#include "cli/requests.h"

namespace weir {
namespace {

constexpr int kUsage = 2;

// Where one was closed by the caller, the next file that is opened would take its place.
void hold_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The wrong way round, so that using it is an error.
    if (fcntl(fd, F_GETFD) < 0) (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

// A verb without flags but -o text|json.
void add_report(CLI::App& app, int& status, const std::string& name, const std::string& description,
                int (*run)(bool json, std::ostream& out)) {
  auto format = std::make_shared<std::string>("text");
  CLI::App* verb = app.add_subcommand(name, description);
  verb->add_option("-o,--output", *format, "text or json")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}).description(""));
  verb->callback([&status, format, run] { status = run(*format == "json", std::cout); });
}

// `weir as NAME ...`: what follows the name is that tool's.
void add_as(CLI::App& app, int& status) {
  CLI::App* verb =
      app.add_subcommand("as", "Take the place of another tool, with its flags: " + dropin_names());
  verb->prefix_command();
  verb->callback([&status, verb] {
    const std::vector<std::string> words = verb->remaining();
    const Dropin run = words.empty() ? nullptr : find_dropin(words.front());
    if (!run) {
      throw CLI::ValidationError(
          "as", words.empty() ? "needs a name: " + dropin_names()
                              : "'" + words.front() + "' is none of: " + dropin_names());
    }
    status = run({words.begin() + 1, words.end()});
  });
}

}  // namespace

int run_command_line(int argc, char** argv) {
  hold_standard_streams();
  if (const Dropin run = argc > 0 ? find_dropin(argv[0]) : nullptr) {
    return run({argv + 1, argv + argc});
  }
  CLI::App app{"weir: what is on this host's network, and why it is slow"};
  app.require_subcommand(0, 1);
  app.set_help_flag("-h,--help", "This text");
  bool version = false;
  app.add_flag("--version", version, "The version");

  int status = 0;
  add_interfaces(app, status);
  add_flows(app, status);
  add_connections(app, status);
  add_drops(app, status);
  add_requests(app, status);
  add_report(app, status, "list", "The network interfaces", run_list);
  add_report(app, status, "cleanup",
             "Removes what a killed weir left attached by clsact (before Linux 6.6)", run_cleanup);
  add_report(app, status, "doctor", "What this kernel and these privileges allow", run_doctor);
  add_as(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const auto verbs = app.get_subcommands();
    const std::string verb = verbs.empty() ? "" : verbs.front()->get_name() + " ";
    std::fprintf(stderr, "weir: %s\nRun 'weir %s--help'.\n", error.what(), verb.c_str());
    return kUsage;
  }
  if (version) {
    std::printf("weir %s\n", WEIR_VERSION);
  } else if (app.get_subcommands().empty()) {
    std::fputs(app.help().c_str(), stderr);
    return kUsage;
  }
  return status;
}

}  // namespace weir
