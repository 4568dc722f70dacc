#include "agent/netprobe_run.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "agent/control_loop.h"
#include "agent/http_server.h"
#include "agent/netprobe_pages.h"
#include "agent/signals.h"
#include "base/log.h"
#include "lens/interfaces.h"

namespace weir {
namespace {

constexpr Nanos kStatusInterval = 30 * kSecond;
constexpr std::chrono::seconds kDeadline{10};

// As the predecessor's runtime writes it: "operation not permitted".
std::string reason(const Error& error) {
  std::string text = error.code.message();
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

tl::unexpected<Error> load_failure(const Error& error) {
  if (error.code == std::errc::function_not_supported) {
    return failure("eBPF is not supported on this system (the kernel has no bpf system call)");
  }
  if (!error.code) return failure("failed to load network monitor: " + error.context);
  return failure("failed to load network monitor: " + reason(error) + " (" + error.context + ")");
}

tl::unexpected<Error> listen_failure(const Error& error) {
  const std::string why = error.code ? reason(error) : error.context;
  return failure("failed to start metrics server: bind: " + why +
                 " (another port: --metrics-port)");
}

class NetprobeRun {
 public:
  explicit NetprobeRun(const NetprobeSettings& settings)
      : settings_(settings), pages_(settings, [this] { return lens_->samples(); }) {}

  Result<> run();

 private:
  Result<> open();
  void collect();
  void control(int signals);
  void warn_of_missing() const;
  void warn_of_nothing();
  void log_status() const;

  const NetprobeSettings& settings_;
  std::unique_ptr<Interfaces> lens_;
  NetprobePages pages_;
  std::optional<HttpServer> server_;  // asks pages_ and lens_: ends before them
  bool nothing_ = false;              // was warned of
};

Result<> NetprobeRun::open() {
  FollowOptions options;
  options.interfaces = settings_.interface_filter;
  if (!settings_.attach_interface.empty()) options.interfaces = {settings_.attach_interface};
  options.must_exist = false;
  auto lens = Interfaces::open(options);
  if (!lens) return load_failure(lens.error());
  lens_ = std::move(*lens);
  auto server = HttpServer::start(
      {"", settings_.port}, [this](const HttpRequest& request) { return pages_.answer(request); },
      kDeadline);
  if (!server) return listen_failure(server.error());
  server_.emplace(std::move(*server));
  pages_.set_port(server_->port());
  return {};
}

void NetprobeRun::collect() {
  lens_->tick();
  pages_.collected();
  warn_of_nothing();
}

// A slip in a name would else be silent: a name that does not exist may yet come.
void NetprobeRun::warn_of_missing() const {
  const std::vector<InterfaceSample> counted = lens_->samples();
  for (const std::string& name : settings_.interface_filter) {
    if (std::none_of(counted.begin(), counted.end(),
                     [&](const InterfaceSample& sample) { return sample.name == name; })) {
      std::fprintf(stderr, "Warning: no interface %s; it is counted when it comes\n", name.c_str());
    }
  }
}

// The predecessor's documented warning, once for each time it becomes true.
void NetprobeRun::warn_of_nothing() {
  const bool nothing = !lens_->follower().pending() && pages_.readings().interfaces.empty();
  if (nothing && !nothing_) {
    std::string why = "no interface to count";
    if (!settings_.attach_interface.empty()) {
      why = "--attach-interface " + settings_.attach_interface;
    } else if (!settings_.interface_filter.empty()) {
      why = "--interface-filter";
    }
    std::fprintf(
        stderr,
        "Warning: 暂无 TC 相关指标数据 (no TC metrics yet: %s; what comes later is counted "
        "from then on)\n",
        why.c_str());
  }
  nothing_ = nothing;
}

void NetprobeRun::log_status() const {
  const NetprobeHealth health = pages_.health();
  const std::vector<InterfaceSample> interfaces = pages_.readings().interfaces;
  const auto active =
      std::count_if(interfaces.begin(), interfaces.end(),
                    [](const InterfaceSample& interface) { return interface.active; });
  log_info("status: " + std::to_string(interfaces.size()) + " interfaces, " +
           std::to_string(active) + " active, " + std::to_string(lens_->uncounted()) +
           " that cannot be counted; " + std::to_string(health.collections) + " collections, " +
           std::to_string(health.series) + " series, " + std::to_string(health.requests) +
           " requests");
}

void NetprobeRun::control(int signals) {
  ControlLoop loop(signals, &lens_->follower());
  loop.when_attached([this] {
    warn_of_missing();
    std::fputs("ready\n", stderr);
  });
  loop.every(0, settings_.interval, [this] {
    collect();
    return false;
  });
  if (settings_.debug) {
    loop.every(kStatusInterval, kStatusInterval, [this] {
      log_status();
      return false;
    });
  }
  loop.run();
}

Result<> NetprobeRun::run() {
  Result<Fd> signals = catch_signals();
  if (!signals) return tl::unexpected<Error>(signals.error());
  if (Result<> opened = open(); !opened) return opened;
  log_info("metrics on port " + std::to_string(server_->port()) + ", " + settings_.path);
  control(signals->get());
  server_.reset();
  return {};
}

}  // namespace

Result<> run_netprobe(const NetprobeSettings& settings) { return NetprobeRun(settings).run(); }

}  // namespace weir
