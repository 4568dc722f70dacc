#include "cli/connections.h"

#include <memory>
#include <string>
#include <vector>

#include "agent/connections_run.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/push_options.h"

namespace weir {
namespace {

TcpState state_of(const std::string& word) {
  for (int i = 1; i <= static_cast<int>(TcpState::kNewSynReceived); ++i) {
    const auto state = static_cast<TcpState>(i);
    if (tcp_state_name(state) == word) return state;
  }
  throw CLI::ValidationError("--state",
                             "'" + word + "' is no state (established, syn_sent, close_wait, ...)");
}

}  // namespace

void add_connections(CLI::App& app, int& status) {
  auto settings = std::make_shared<ConnectionsSettings>();
  auto states = std::make_shared<std::vector<std::string>>();
  CLI::App* verb =
      app.add_subcommand("connections", "Every TCP connection, its owner and its health");
  ConnectionChoice& choice = settings->choice;
  verb->add_option("-p,--pid", choice.pids, "Only of this process; repeatable")
      ->type_name("PID")
      ->allow_extra_args(false);
  verb->add_option("--netns", choice.network_namespaces,
                   "Only in this network namespace (its inode); repeatable")
      ->type_name("INODE")
      ->allow_extra_args(false);
  verb->add_option("--port", choice.ports, "Only with this port at either end; repeatable")
      ->type_name("PORT")
      ->allow_extra_args(false);
  verb->add_option("--state", *states, "Only in this state: established, syn_sent, ...; repeatable")
      ->type_name("STATE")
      ->allow_extra_args(false);
  verb->add_flag("--events", settings->events,
                 "Lines of what happens (made, failed, closed), in the place of what is");
  add_duration(*verb, "-t,--interval", settings->interval, "Between samples (default: 5s)");
  add_output_format(*verb, settings->output);
  add_listen(*verb, settings->listen);
  add_push(*verb, settings->push, "what /metrics shows");
  verb->add_option("--max-series", settings->max_series,
                   "Sets of labels (service port, process, role) in the metrics (default: 2000)")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}).description(""))
      ->type_name("N");
  verb->add_option("--host-root", settings->connections.root,
                   "Where the host's /proc and /sys are, when weir runs in a container")
      ->type_name("DIR");
  add_duration(*verb, "--duration", settings->duration, "End after this time");
  add_count(*verb, settings->count, "intervals");
  verb->callback([&status, settings, states] {
    if (settings->interval < 10 * kMillisecond) {
      throw CLI::ValidationError("-t", "an interval is 10ms at least");
    }
    finish_push(settings->push);
    for (const std::string& word : *states) settings->choice.states.push_back(state_of(word));
    const Result<> done = run_connections(*settings);
    if (!done) log_error(done.error().text());
    status = done ? 0 : 1;
  });
}

}  // namespace weir
