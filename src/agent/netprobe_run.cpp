#include "agent/netprobe_run.h"

#include <poll.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "agent/http_server.h"
#include "agent/netprobe_pages.h"
#include "agent/signals.h"
#include "base/log.h"
#include "lens/interfaces.h"

namespace weir {
namespace {

constexpr Nanos kStatusInterval = 30 * kSecond;
constexpr Nanos kLongestWait = 3600 * kSecond;  // poll() counts milliseconds in an int
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
  bool ready = false;
  Nanos next = monotonic_now();
  Nanos next_status = settings_.debug ? next + kStatusInterval : std::numeric_limits<Nanos>::max();
  for (;;) {
    if (!ready && !lens_->follower().pending()) {
      ready = true;
      warn_of_missing();
      std::fputs("ready\n", stderr);
    }
    const Nanos now = monotonic_now();
    if (now >= next) {
      collect();
      next = std::max(next + settings_.interval, now);
    }
    if (now >= next_status) {
      log_status();
      next_status = now + kStatusInterval;
    }
    const Nanos due = std::clamp<Nanos>(std::min(next, next_status) - now, 0, kLongestWait);
    pollfd fds[] = {{signals, POLLIN, 0}, {lens_->follower().fd(), POLLIN, 0}};
    const Nanos wait = lens_->follower().pending() ? 0 : due + kMillisecond - 1;
    ::poll(fds, 2, static_cast<int>(wait / kMillisecond));
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) lens_->follower().on_readable();
    if (lens_->follower().pending()) lens_->follower().attach_next();
  }
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
