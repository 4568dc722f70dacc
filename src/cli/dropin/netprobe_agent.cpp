#include "cli/dropin/netprobe_agent.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "agent/netprobe_run.h"
#include "cli/dropin/go_duration.h"

namespace weir {
namespace {

constexpr Nanos kShortestInterval = 10 * kMillisecond;

Result<> set_port(NetprobeSettings& settings, const std::string& text) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, settings.port);
  if (error == std::errc() && at == end) return {};
  return failure("not a port (0 to 65535)");
}

Result<> set_path(NetprobeSettings& settings, const std::string& text) {
  if (!text.starts_with('/')) return failure("a path begins with /");
  settings.path = text;
  return {};
}

Result<> set_interval(NetprobeSettings& settings, const std::string& text) {
  const Result<Nanos> parsed = parse_go_duration(text);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  if (*parsed < kShortestInterval) return failure("the shortest interval is 10ms");
  settings.interval = *parsed;
  return {};
}

Result<> add_filter(NetprobeSettings& settings, const std::string& text) {
  constexpr std::string_view kBetween = ", \t";
  for (std::size_t begin = 0; (begin = text.find_first_not_of(kBetween, begin)) != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(kBetween, begin), text.size());
    settings.interface_filter.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return {};
}

Result<> set_attach(NetprobeSettings& settings, const std::string& text) {
  settings.attach_interface = text;
  return {};
}

// Other programs have a DEBUG of their own: what is not plainly yes is no.
bool says_yes(const std::string& text) {
  const char* const words[] = {"1", "t", "T", "true", "True", "TRUE"};
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

using Setter = Result<> (*)(NetprobeSettings&, const std::string&);

Result<> read_environment(NetprobeSettings& settings) {
  const auto value = [](const char* name) {
    const char* text = std::getenv(name);
    return std::string(text ? text : "");
  };
  const std::pair<const char*, Setter> setters[] = {{"METRICS_PORT", set_port},
                                                    {"COLLECT_INTERVAL", set_interval},
                                                    {"INTERFACE_FILTER", add_filter},
                                                    {"ATTACH_INTERFACE", set_attach}};
  for (const auto& [name, set] : setters) {
    const std::string text = value(name);
    if (text.empty()) continue;
    if (const Result<> done = set(settings, text); !done) {
      return failure("invalid value \"" + text + "\" of " + name + ": " + done.error().text());
    }
  }
  settings.active_only = says_yes(value("ACTIVE_ONLY"));
  settings.debug = says_yes(value("DEBUG"));
  return {};
}

// Throws what CLI11 makes an error of.
CLI::Option* add_flag_of(CLI::App& app, NetprobeSettings& settings, const std::string& name,
                         Setter set, const std::string& type, const std::string& description) {
  return app
      .add_option_function<std::string>(
          name,
          [&settings, name, set](const std::string& text) {
            const Result<> done = set(settings, text);
            if (done) return;
            throw CLI::ParseError("invalid argument \"" + text + "\" for \"" + name +
                                      "\" flag: " + done.error().text(),
                                  CLI::ExitCodes::InvalidError);
          },
          description)
      ->type_name(type);
}

// The flags of the predecessor's logging library, which say nothing here.
void add_ignored(CLI::App& app, std::vector<std::string>& ignored) {
  for (const char* flag :
       {"--add_dir_header,--add-dir-header", "--alsologtostderr", "--logtostderr",
        "--one_output,--one-output", "--skip_headers,--skip-headers",
        "--skip_log_headers,--skip-log-headers"}) {
    app.add_flag(flag)->group("");
  }
  for (const char* option : {"--log_backtrace_at,--log-backtrace-at", "--log_dir,--log-dir",
                             "--log_file,--log-file", "--log_file_max_size,--log-file-max-size",
                             "--stderrthreshold", "-v,--v", "--vmodule", "--node-name"}) {
    app.add_option(option, ignored)->group("")->allow_extra_args(false);
  }
}

}  // namespace

Result<NetprobeCommand> parse_netprobe_agent(const std::vector<std::string>& arguments) {
  NetprobeCommand command;
  NetprobeSettings& settings = command.settings;
  if (Result<> read = read_environment(settings); !read) {
    return tl::unexpected<Error>(read.error());
  }
  CLI::App app{"Traffic of each network interface, for Prometheus", "netprobe-agent"};
  app.set_help_flag("-h,--help", "This text");
  bool version = false;
  app.add_flag("--version", version, "The version");
  add_flag_of(app, settings, "--metrics-port", set_port, "INT",
              "Port of the pages (default: 8081)");
  add_flag_of(app, settings, "--metrics-path", set_path, "STRING",
              "Path of the metrics (default: /metrics)");
  add_flag_of(app, settings, "--collect-interval", set_interval, "DURATION",
              "Time between collections (default: 5s)");
  std::vector<std::string> filters;
  app.add_option("--interface-filter", filters,
                 "Only these interfaces; repeatable, or separated by commas (default: all)")
      ->type_name("STRINGS")
      ->allow_extra_args(false);
  app.add_flag("--active-only", settings.active_only, "Only interfaces that have had traffic");
  app.add_flag("--debug", settings.debug, "Log requests, and the state every 30 s");
  add_flag_of(app, settings, "--attach-interface", set_attach, "STRING",
              "Count this interface alone");
  std::vector<std::string> ignored;
  add_ignored(app, ignored);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    command.text = app.help();
  } catch (const CLI::ParseError& error) {
    return failure(error.what());
  }
  if (!filters.empty()) settings.interface_filter.clear();
  for (const std::string& filter : filters) (void)add_filter(settings, filter);
  if (version) {
    command.text = "netprobe-agent version " WEIR_VERSION " (commit: unknown, date: unknown)\n";
  }
  return command;
}

int run_netprobe_agent(const std::vector<std::string>& arguments) {
  const Result<NetprobeCommand> command = parse_netprobe_agent(arguments);
  if (!command) {
    std::fprintf(stderr, "Error: %s\nRun 'netprobe-agent --help'.\n",
                 command.error().text().c_str());
    return 1;
  }
  if (!command->text.empty()) {
    std::fputs(command->text.c_str(), stdout);
    return 0;
  }
  if (const Result<> done = run_netprobe(command->settings); !done) {
    std::fprintf(stderr, "Error: %s\n", done.error().text().c_str());
    return 1;
  }
  return 0;
}

}  // namespace weir
