#include "cli/requests.h"

#include <memory>

#include "agent/requests_run.h"
#include "base/log.h"
#include "cli/options.h"

namespace weir {
namespace {

void add_input(CLI::App& verb, RequestsSettings& settings) {
  verb.add_option(
          "-r,--read", settings.files,
          "Read this pcap or pcapng file, gzip too; - is standard input. Several are merged "
          "by time")
      ->type_name("FILE");
  verb.add_option("-i,--interface", settings.interfaces,
                  "Watch this interface: a name, a glob, or any (default: any)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb.add_option("-f,--filter", settings.filter, "Only packets of this pcap-filter expression")
      ->type_name("EXPR");
  verb.add_option("--proto", settings.forced,
                  "Take these ports for a protocol without looking: 'http;8080[,8081][;HOST]'")
      ->type_name("RULE")
      ->allow_extra_args(false);
  verb.add_flag("--promiscuous", settings.promiscuous, "Also take packets for other hosts");
  verb.add_option_function<std::uint64_t>(
          "--ring", [&settings](std::uint64_t mebibytes) { settings.ring_bytes = mebibytes << 20; },
          "Capture ring of each thread, in MiB (default: 32)")
      ->type_name("MIB")
      ->check(CLI::Range(1, 4096));
  verb.add_option_function<std::string>(
          "--copy",
          [&settings](const std::string& what) { settings.copy_needed = what == "needed"; },
          "Live: copy from the kernel what is needed (the default), or all")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"needed", "all"}));
  verb.add_option("--workers", settings.workers, "Capture threads (default: by the processors)")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
}

void add_output(CLI::App& verb, RequestsSettings& settings) {
  add_output_format(verb, settings.output);
  verb.add_option("--where", settings.where,
                  "Only records for which this holds: 'status=error and duration>10ms'")
      ->type_name("EXPR")
      ->allow_extra_args(false);
  verb.add_flag("--summary", settings.summary, "At the end: counts, latencies, and the ledger");
  verb.add_flag("--stats", settings.stats, "The same every interval, with the top requests");
  add_duration(verb, "-t,--interval", settings.interval, "Of --stats (default: 5s)");
  add_listen(verb, settings.listen);
  add_duration(verb, "--duration", settings.duration, "End after this time");
  add_count(verb, settings.count, "records");
  verb.add_flag("--raw-queries", settings.raw_queries, "Show query literals instead of ?");
}

}  // namespace

void add_requests(CLI::App& app, int& status) {
  auto settings = std::make_shared<RequestsSettings>();
  auto decapsulate = std::make_shared<int>(0);  // as asked: 1, -1, or neither
  CLI::App* verb = app.add_subcommand("requests",
                                      "HTTP, gRPC, DNS, Redis, PostgreSQL, MySQL, MongoDB, Kafka "
                                      "and AMQP round trips, TLS handshakes, "
                                      "from the network or from capture files");
  add_input(*verb, *settings);
  verb->add_flag("--decapsulate,!--no-decapsulate", *decapsulate,
                 "Look into VXLAN, Geneve, GRE and IPIP (default: in files only)");
  add_output(*verb, *settings);
  verb->callback([&status, verb, settings, decapsulate] {
    if (!settings->files.empty() && !settings->interfaces.empty()) {
      throw CLI::ValidationError("-r and -i", "read files or watch interfaces, not both");
    }
    for (const char* live : {"--promiscuous", "--ring", "--copy", "--workers"}) {
      if (!settings->files.empty() && verb->count(live) > 0) {
        throw CLI::ValidationError(live, "is for watching interfaces, not for reading files");
      }
    }
    if (verb->count("--interval") > 0 && !settings->stats) {
      throw CLI::ValidationError("-t", "is the interval of --stats");
    }
    if (const Result<> understood = check_settings(*settings); !understood) {
      throw CLI::ParseError(understood.error().text(), CLI::ExitCodes::InvalidError);
    }
    settings->decapsulate = *decapsulate != 0 ? *decapsulate > 0 : !settings->files.empty();
    const Result<> done = run_requests(*settings);
    if (!done) log_error(done.error().text());
    status = done ? 0 : 1;
  });
}

}  // namespace weir
