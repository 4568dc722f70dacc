#include "cli/dropin/nettracersrv.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "agent/nettracer_run.h"
#include "base/log.h"
#include "kernel/privileges.h"

namespace weir {
namespace {

constexpr int kRefused = 1, kFailed = 2, kNoLogDirectory = 5;

constexpr const char* kUsage = R"(Options:
  -d [ --debug ]                  without a value: as -n
  -d [ --debug ] LEVEL            what the log has: info, debug or trace (default: info)
  -n [ --no_stdout_log ]          a table of the connections, in the place of the log; drawn again
                                  when Enter is pressed
  -t [ --time_interval ] SECONDS  between two tables, or two rounds of numbers in the log
                                  (default: 30)
  -i [ --incremental ]            counts of the table for programs since the one before
  -r [ --noninteractive ]         the table for programs, also at a terminal
  -s [ --header ]                 its bytes with those of the headers
  -f [ --with_loopback ]          loopback, too
  -e [ --events ] 0|1             lines of connect, accept and close in the log (default: 1)
  -l [ --log ] DIRECTORY          of the log file; it has to exist (default: ./log, which is made)
  --args_file FILE                lines LONG_OPTION=VALUE, in the place of all other options; read
                                  again when a file is renamed to it
  --test                          end as soon as all is known to work
  -v [ --version ]                print the version
  -h [ --help ]                   print this

Without effect: -c [ --clear_probes ], -b [ --bpf ], -p [ --program ], -m [ --map_size ],
--counters_interval.
)";

struct Ignored {
  const char* names;
  bool has_value;
  const char* note;
};
constexpr Ignored kIgnored[] = {
    {"-c,--clear_probes", false, "--clear_probes has no effect: no probe is set, none removed"},
    {"-b,--bpf", true, "--bpf has no effect: there is one way to follow connections"},
    {"-p,--program", true, "--program has no effect: the programs are in the binary"},
    {"-m,--map_size", true, "--map_size has no effect: what is known is kept with each socket"},
    {"--counters_interval", true, "--counters_interval has no effect: there are no such counters"},
};

void take_level(const CLI::Option& option, const std::string& word, NettracerSettings& settings) {
  if (option.count() == 0) return;
  if (word.empty()) settings.table = true;
  if (word == "debug") settings.level = NettracerLevel::kDebug;
  if (word == "trace") settings.level = NettracerLevel::kTrace;
}

std::string trimmed(std::string text) {
  constexpr std::string_view kBlank = " \t\r";
  text.erase(0, std::min(text.find_first_not_of(kBlank), text.size()));
  text.erase(text.find_last_not_of(kBlank) + 1);
  return text;
}

// With what the file says, where there is one.
Result<NettracerCommand> with_file(NettracerCommand command) {
  if (command.arguments_file.empty()) return command;
  const std::string path = command.arguments_file;
  const auto arguments = nettracer_arguments(path);
  if (!arguments) return tl::unexpected<Error>(arguments.error());
  auto told = parse_nettracersrv(*arguments);
  if (!told) return failure(path + ": " + told.error().text());
  told->arguments_file = path;
  return told;
}

bool has_log_directory(const NettracerSettings& settings) {
  std::error_code unknown;
  return settings.log_directory.empty() ||
         std::filesystem::is_directory(settings.log_directory, unknown);
}

std::string no_log_directory(const NettracerSettings& settings) {
  return "the log directory " + settings.log_directory +
         " does not exist or is no directory (make it, or choose another with -l)";
}

}  // namespace

Result<NettracerCommand> parse_nettracersrv(const std::vector<std::string>& arguments) {
  NettracerCommand command;
  NettracerSettings& settings = command.settings;
  CLI::App app;
  app.set_help_flag();
  std::string level;
  std::uint32_t seconds = 30, events = 1;
  bool help = false, version = false;
  const CLI::Option* debug = app.add_option("-d,--debug", level)->expected(0, 1);
  app.add_flag("-n,--no_stdout_log", settings.table);
  app.add_option("-t,--time_interval", seconds)->type_name("SECONDS");
  app.add_flag("-i,--incremental", settings.incremental);
  app.add_flag("-r,--noninteractive", settings.machine);
  app.add_flag("-s,--header", settings.headers);
  app.add_flag("-f,--with_loopback", settings.with_loopback);
  app.add_option("-e,--events", events);
  app.add_option("-l,--log", settings.log_directory)->expected(0, 1);
  app.add_option("--args_file", command.arguments_file);
  app.add_flag("--test", settings.test_only);
  app.add_flag("-v,--version", version);
  app.add_flag("-h,--help", help);
  std::vector<const CLI::Option*> ignored;
  std::vector<std::string> values;
  for (const Ignored& one : kIgnored) {
    ignored.push_back(one.has_value ? app.add_option(one.names, values)->allow_extra_args(false)
                                    : app.add_flag(one.names));
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return failure(error.what());
  }
  take_level(*debug, level, settings);
  settings.interval = seconds * kSecond;
  settings.events = events != 0;
  for (std::size_t i = 0; i < ignored.size(); ++i) {
    if (ignored[i]->count() > 0) settings.notes.emplace_back(kIgnored[i].note);
  }
  if (help) {
    command.text = kUsage;
  } else if (version) {
    command.text = "version: " WEIR_VERSION "\n";
  }
  return command;
}

Result<std::vector<std::string>> nettracer_arguments(const std::string& path) {
  std::ifstream file(path);
  if (!file) return system_failure("read " + path);
  std::vector<std::string> arguments;
  for (std::string line; std::getline(file, line);) {
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) {
      return failure(path + ": \"" + line + "\" is no LONG_OPTION=VALUE");
    }
    const std::string value = trimmed(line.substr(equals + 1));
    const std::string option = "--" + trimmed(line.substr(0, equals));
    arguments.push_back(value.empty() ? option : option + "=" + value);
  }
  return arguments;
}

int run_nettracersrv(const std::vector<std::string>& arguments) {
  const auto given = parse_nettracersrv(arguments);
  // Before the file is read, as the predecessor does it.
  const bool asks_for_text = given && !given->text.empty();
  const auto command = given && !asks_for_text ? with_file(*given) : given;
  if (!command) {
    std::fprintf(stderr, "%s\n%s", command.error().text().c_str(), kUsage);
    return kRefused;
  }
  if (!command->text.empty()) {
    std::fputs(command->text.c_str(), stdout);
    return 0;
  }
  if (!has_log_directory(command->settings)) {
    log_error(no_log_directory(command->settings));
    return kNoLogDirectory;
  }
  const NettracerArguments again{command->arguments_file, [&]() -> Result<NettracerSettings> {
                                   auto read = with_file(*given);
                                   if (!read) return tl::unexpected<Error>(read.error());
                                   if (!has_log_directory(read->settings)) {
                                     return failure(no_log_directory(read->settings));
                                   }
                                   return read->settings;
                                 }};
  const Result<> done = run_nettracer(command->settings, again);
  if (done) return 0;
  log_error(done.error().text());
  const auto mine = Privileges::of_this_thread();
  return mine.suffices(Capability::kBpf) && mine.suffices(Capability::kPerfmon) ? kFailed
                                                                                : kRefused;
}

}  // namespace weir
