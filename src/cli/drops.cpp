#include "cli/drops.h"

#include <memory>
#include <string>

#include "agent/drops_run.h"
#include "agent/listen_address.h"
#include "base/log.h"
#include "cli/options.h"

namespace weir {
namespace {

constexpr std::uint32_t kEventsPerSecond = 100;

void add_choice(CLI::App& verb, DropChoice& choice) {
  verb.add_option("-i,--interface", choice.interfaces, "Only at this interface; repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb.add_option("--reason", choice.reasons, "Only for this reason; repeatable")
      ->type_name("REASON")
      ->allow_extra_args(false);
  verb.add_option("--netns", choice.network_namespaces,
                  "Only in this network namespace (its inode); repeatable")
      ->type_name("INODE")
      ->allow_extra_args(false);
}

void check(DropsSettings& settings) {
  if (settings.interval < 10 * kMillisecond) {
    throw CLI::ValidationError("-t", "an interval is 10ms at least");
  }
  if (const auto address = ListenAddress::parse(settings.listen);
      !settings.listen.empty() && !address) {
    throw CLI::ParseError(address.error().text(), CLI::ExitCodes::InvalidError);
  }
  if (settings.events && settings.drops.events == 0) settings.drops.events = kEventsPerSecond;
  if (settings.drops.events > 0) settings.events = true;
}

}  // namespace

void add_drops(CLI::App& app, int& status) {
  auto settings = std::make_shared<DropsSettings>();
  CLI::App* verb = app.add_subcommand("drops", "What was thrown away, where and why");
  add_choice(*verb, settings->choice);
  verb->add_flag("--noise", settings->drops.noise,
                 "Also reasons that mean no loss (OTHERHOST, QUEUE_PURGE, ...)");
  verb->add_option("--top", settings->top,
                   "The N reasons and places that dropped most, in the place of flows")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000'000}).description(""))
      ->type_name("N");
  verb->add_flag("--events", settings->events,
                 "Lines of single packets, in the place of what flows lost");
  verb->add_option("--event-rate", settings->drops.events,
                   "So many of them a second and processor at most (default: 100)")
      ->check(CLI::Range(std::uint32_t{1}, std::uint32_t{1'000'000}).description(""))
      ->type_name("N");
  verb->add_option("--max-flows", settings->drops.max_flows,
                   "Tell so many flows of an interval at most: 64 to 1048576 (default: 16384)")
      ->check(CLI::Range(std::uint32_t{64}, std::uint32_t{1 << 20}).description(""))
      ->type_name("N");
  add_duration(*verb, "-t,--interval", settings->interval,
               "Between samples (default: 5s); the first comes after 1s at most");
  add_output_format(*verb, settings->output);
  verb->add_option("--listen", settings->listen, "Serve GET /metrics on ADDRESS:PORT")
      ->type_name("ADDRESS:PORT");
  add_duration(*verb, "--duration", settings->duration, "End after this time");
  add_count(*verb, settings->count, "intervals");
  verb->callback([&status, settings] {
    check(*settings);
    const Result<> done = run_drops(*settings);
    if (!done) log_error(done.error().text());
    status = done ? 0 : 1;
  });
}

}  // namespace weir
