#include "cli/dropin/xtrace_catch.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "agent/xtrace_run.h"
#include "base/log.h"
#include "cli/dropin/go_flags.h"
#include "record/name_servers.h"
#include "record/traffic_types.h"

namespace weir {
namespace {

constexpr int kFailed = 1;
constexpr int kUsageError = 2;
constexpr std::int64_t kShortest = 100, kLongest = 3'600'000;  // milliseconds
constexpr const char* kDefaultInterface = "eth0";
constexpr const char* kDefaultUrl = "http://localhost:8428/api/v1/import/prometheus";

constexpr const char* kUsage = R"(Usage: xtrace-catch [flags]

  -i, -interface NAMES   interfaces, separated by commas
                         (else $NETWORK_INTERFACE, else $INTERFACE, else eth0)
  -f, -filter TYPE       roce, roce_v1, roce_v2, tcp, udp, ib or all (default: all)
  -t, -interval MS       between two outputs, 100 to 3600000 (default: 5000)
  -exclude-dns           leave out flows from and to eight public name servers
  -exclude-dns-ports     leave out flows from and to ports 53 and 853
  -m, -mode MODE         xdp (where it does no harm, else tc) or tc (default: xdp)
  -d, -direction WHICH   ingress, egress or both; the last two by tc (default: ingress)
  -rates                 lines with the counts of the interval, their rates and the interface
  -roce-v2-udp           RoCE v2 as proto=17 [RoCE v2/UDP], not as proto=254 [RoCE v2]
  -host-ip ADDRESS       what host_ip says (default: the address of the interface)
  -l, -list              list the interfaces
  -h, -help              this text

Environment: VICTORIAMETRICS_ENABLED (true or 1: push), VICTORIAMETRICS_REMOTE_WRITE (where to,
default: http://localhost:8428/api/v1/import/prometheus), COLLECT_AGG (a label, default: default).
)";

struct Words {
  std::string interfaces, filter, mode = "xdp", direction = "ingress";
  std::int64_t interval = 5000;
  bool exclude_dns = false, list = false, help = false, ignored = false;
};

// A variable that is empty is as one that is not set.
std::string environment(const char* name, const char* otherwise = "") {
  const char* text = std::getenv(name);
  return text && *text ? text : otherwise;
}

XtraceCommand refusal(std::string text, int status) {
  XtraceCommand command;
  command.text = "Error: " + std::move(text);
  command.status = status;
  return command;
}

std::string list_of(const std::vector<Interface>& interfaces) {
  std::string out = "Available network interfaces:\n";
  for (const Interface& interface : interfaces) {
    out += "  - " + interface.name + " (index: " + std::to_string(interface.index) +
           ", state: " + (interface.is_up() ? "UP" : "DOWN") + ")\n";
  }
  return out;
}

std::vector<std::string> split(const std::string& names) {
  constexpr std::string_view kBlank = " \t\r\n";
  std::vector<std::string> found;
  for (std::size_t begin = 0; begin <= names.size();) {
    const std::size_t end = std::min(names.find(',', begin), names.size());
    std::string name = names.substr(begin, end - begin);
    name.erase(0, name.find_first_not_of(kBlank));
    name.erase(name.find_last_not_of(kBlank) + 1);
    const bool repeated = std::find(found.begin(), found.end(), name) != found.end();
    if (!name.empty() && !repeated) found.push_back(std::move(name));
    begin = end + 1;
  }
  return found;
}

std::vector<std::string> chosen_interfaces(const std::string& flag) {
  for (const std::string& names :
       {flag, environment("NETWORK_INTERFACE"), environment("INTERFACE")}) {
    if (std::vector<std::string> found = split(names); !found.empty()) return found;
  }
  return {kDefaultInterface};
}

void read_environment(XtraceCommand& command) {
  const std::string enabled = environment("VICTORIAMETRICS_ENABLED");
  if (enabled == "true" || enabled == "1") {
    command.settings.push_url = environment("VICTORIAMETRICS_REMOTE_WRITE", kDefaultUrl);
  } else if (!enabled.empty() && enabled != "false" && enabled != "0") {
    command.warnings.push_back("VICTORIAMETRICS_ENABLED is \"" + enabled +
                               "\", not true or 1: nothing is pushed");
  }
  command.settings.collect_agg = environment("COLLECT_AGG", "default");
}

// What is wrong with it, or nothing.
std::string set_hook(XtraceCommand& command, const Words& words) {
  XtraceSettings& settings = command.settings;
  if (words.mode == "rdma" || words.mode == "nccl") {
    return "mode " + words.mode +
           " is gone: the counters of RDMA ports are metrics of weir interfaces --listen";
  }
  if (words.mode != "xdp" && words.mode != "tc") return "mode " + words.mode + " is not xdp or tc";
  settings.xdp = words.mode == "xdp";
  const std::string& direction = words.direction;
  if (direction != "ingress" && direction != "egress" && direction != "both") {
    return "direction " + direction + " is not ingress, egress or both";
  }
  settings.ingress = direction != "egress";
  settings.egress = direction != "ingress";
  if (settings.egress && settings.xdp) {
    settings.xdp = false;
    command.warnings.push_back("XDP sees ingress alone: direction " + direction + " takes tc");
  }
  return {};
}

void set_filter(XtraceCommand& command, const std::string& word) {
  if (word.empty()) return;
  if (const auto types = parse_traffic_types(word)) {
    command.settings.types = *types;
  } else {
    command.warnings.push_back("filter " + word +
                               " is not roce, roce_v1, roce_v2, tcp, udp, ib or all: all is shown");
  }
}

Result<std::vector<std::string>> parse_flags(const std::vector<std::string>& arguments,
                                             Words& words, XtraceSettings& settings) {
  GoFlags flags;
  flags.add({"i", "interface"}, words.interfaces);
  flags.add({"f", "filter"}, words.filter);
  flags.add({"t", "interval"}, words.interval);
  flags.add({"m", "mode"}, words.mode);
  flags.add({"d", "direction"}, words.direction);
  flags.add({"l", "list"}, words.list);
  flags.add({"h", "help"}, words.help);
  flags.add({"count-l2"}, words.ignored);
  flags.add({"exclude-dns"}, words.exclude_dns);
  flags.add({"exclude-dns-ports"}, settings.exclude_dns_ports);
  flags.add({"rates"}, settings.form.rates);
  flags.add({"roce-v2-udp"}, settings.form.roce_v2_as_udp);
  flags.add({"host-ip"}, settings.host_ip);
  return flags.parse(arguments);
}

}  // namespace

XtraceCommand parse_xtrace_catch(const std::vector<std::string>& arguments,
                                 const std::vector<Interface>& existing) {
  XtraceCommand command;
  XtraceSettings& settings = command.settings;
  Words words;
  const auto rest = parse_flags(arguments, words, settings);
  if (!rest) return refusal(rest.error().text() + "\n" + kUsage, kUsageError);
  if (words.help || words.list) {
    command.text = words.help ? kUsage : list_of(existing);
    return command;
  }
  if (!rest->empty()) {
    command.warnings.push_back("\"" + rest->front() +
                               "\" is no flag: it and what follows it is not read");
  }
  if (words.interval < kShortest || words.interval > kLongest) {
    return refusal(
        "an interval is 100 to 3600000 milliseconds, not " + std::to_string(words.interval) + "\n",
        kFailed);
  }
  settings.interval = words.interval * kMillisecond;
  if (words.exclude_dns) settings.excluded_addresses = public_name_servers();
  set_filter(command, words.filter);
  if (const std::string wrong = set_hook(command, words); !wrong.empty()) {
    return refusal(wrong + "\n", kFailed);
  }
  read_environment(command);
  settings.interfaces = chosen_interfaces(words.interfaces);
  for (const std::string& name : settings.interfaces) {
    const bool exists = std::any_of(existing.begin(), existing.end(),
                                    [&](const Interface& one) { return one.name == name; });
    if (!exists)
      return refusal("there is no interface " + name + "\n" + list_of(existing), kFailed);
  }
  return command;
}

int run_xtrace_catch(const std::vector<std::string>& arguments) {
  const auto existing = list_interfaces();
  if (!existing) {
    log_error(existing.error().text());
    return 1;
  }
  const XtraceCommand command = parse_xtrace_catch(arguments, *existing);
  for (const std::string& warning : command.warnings) log_warning(warning);
  if (!command.text.empty()) {
    std::fputs(command.text.c_str(), stderr);
    return command.status;
  }
  const Result<> done = run_xtrace(command.settings);
  if (!done) log_error(done.error().text());
  return done ? 0 : 1;
}

}  // namespace weir
