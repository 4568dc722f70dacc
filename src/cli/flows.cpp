#include "cli/flows.h"

#include <memory>
#include <string>

#include "agent/flows_run.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/push_options.h"
#include "record/name_servers.h"
#include "record/traffic_types.h"

namespace weir {
namespace {

using Settings = std::shared_ptr<FlowsSettings>;

void add_direction(CLI::App& verb, const Settings& settings) {
  verb.add_option_function<std::string>(
          "--direction",
          [settings](const std::string& direction) {
            if (direction != "ingress" && direction != "egress" && direction != "both") {
              throw CLI::ValidationError("--direction",
                                         "'" + direction + "' is not ingress, egress or both");
            }
            settings->flows.ingress = direction != "egress";
            settings->flows.egress = direction != "ingress";
          },
          "What comes in, goes out, or both (the default)")
      ->type_name("DIRECTION");
}

void add_attach(CLI::App& verb, const Settings& settings) {
  verb.add_option_function<std::string>(
          "--attach",
          [settings](const std::string& mode) {
            FlowsOptions& flows = settings->flows;
            if (mode == "tc") {
              flows.attach = FlowAttach::kTc;
            } else if (mode == "tcx" || mode == "clsact") {
              flows.attach = FlowAttach::kTc;
              flows.follow.attach = mode == "tcx" ? TcMode::kTcx : TcMode::kClsact;
            } else if (mode == "auto") {
              flows.attach = FlowAttach::kAuto;
            } else if (mode == "xdp") {
              flows.attach = FlowAttach::kXdp;
            } else if (mode == "xdp-generic") {
              flows.attach = FlowAttach::kXdpGeneric;
            } else {
              throw CLI::ValidationError(
                  "--attach", "'" + mode + "' is not tc, tcx, clsact, auto, xdp or xdp-generic");
            }
          },
          "Where to see what comes in: tc (the default; by tcx or clsact), xdp, xdp-generic, or "
          "auto: XDP in drivers of hardware, else tc")
      ->type_name("MODE");
}

void add_choice(CLI::App& verb, const Settings& settings) {
  verb.add_option_function<std::string>(
          "-f,--filter",
          [settings](const std::string& word) {
            const auto types = parse_traffic_types(word);
            if (!types) {
              throw CLI::ValidationError(
                  "-f", "'" + word + "' is not roce, roce_v1, roce_v2, tcp, udp, ib or all");
            }
            settings->flows.types = *types;
          },
          "Only flows of this type: roce (all RDMA), roce_v1 (with ib), roce_v2, tcp, udp, ib or "
          "all (the default)")
      ->type_name("TYPE");
  verb.add_flag_callback(
      "--exclude-dns", [settings] { settings->flows.excluded_addresses = public_name_servers(); },
      "Without flows from and to eight public name servers (8.8.8.8, 1.1.1.1, ...)");
  verb.add_flag("--exclude-dns-ports", settings->flows.exclude_dns_ports,
                "Without flows from and to ports 53 and 853, whoever serves them");
  verb.add_flag("--fold-ports", settings->flows.fold_ports,
                "One flow for all ephemeral ports of a client");
  verb.add_option("--max-flows", settings->flows.max_flows,
                  "Keep so many flows at most: 64 to 16777216 (default: 65536)")
      ->check(CLI::Range(std::size_t{64}, std::size_t{16'777'216}).description(""))
      ->type_name("N");
  add_duration(verb, "--expire", settings->flows.expiry,
               "A flow has ended when it was silent for so long, 1s at least (default: 60s)");
}

void check(FlowsSettings& settings) {
  finish_push(settings.push);
  if (settings.interval < 10 * kMillisecond) {
    throw CLI::ValidationError("-t", "an interval is 10ms at least");
  }
  if (settings.flows.expiry < kSecond) {
    throw CLI::ValidationError("--expire", "a flow expires after 1s at least");
  }
}

}  // namespace

void add_flows(CLI::App& app, int& status) {
  auto settings = std::make_shared<FlowsSettings>();
  CLI::App* verb = app.add_subcommand("flows", "Who talks to whom, RDMA included");
  verb->add_option("-i,--interface", settings->flows.follow.interfaces,
                   "Watch this interface: a name, a glob, or any (default: any)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  add_direction(*verb, settings);
  add_attach(*verb, settings);
  add_choice(*verb, settings);
  verb->add_option("--top", settings->top, "Only the N busiest flows of each interval")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000'000}).description(""))
      ->type_name("N");
  verb->add_flag("--queue-pairs", settings->queue_pairs,
                 "The table is of RDMA queue pairs: lost and repeated packets, congestion");
  add_duration(*verb, "-t,--interval", settings->interval,
               "Between samples (default: 5s); the first comes after 1s at most");
  add_output_format(*verb, settings->output);
  add_listen(*verb, settings->listen);
  add_push(*verb, settings->push, "a series for each flow");
  verb->add_option("--host-ip", settings->host_ip,
                   "host_ip of these series, in the place of the interface's address")
      ->type_name("TEXT");
  verb->add_option("--collect-agg", settings->collect_agg,
                   "collect_agg of these series (default: default)")
      ->type_name("TEXT");
  add_duration(*verb, "--duration", settings->duration, "End after this time");
  add_count(*verb, settings->count, "intervals");
  verb->callback([&status, settings] {
    check(*settings);
    const Result<> done = run_flows(*settings);
    if (!done) log_error(done.error().text());
    status = done ? 0 : 1;
  });
}

}  // namespace weir
