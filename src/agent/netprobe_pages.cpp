#include "agent/netprobe_pages.h"

#include <utility>

#include "base/log.h"

namespace weir {

NetprobePages::NetprobePages(const NetprobeSettings& settings, Source source, Nanos (*clock)())
    : settings_(settings),
      choice_(settings.interface_filter),
      source_(std::move(source)),
      clock_(clock),
      port_(settings.port),
      last_(clock()) {}

void NetprobePages::collected() {
  const std::lock_guard lock(mutex_);
  ++collections_;
  last_collection_ = wall_clock_now();
  last_ = clock_();
}

NetprobeReadings NetprobePages::readings() const {
  NetprobeReadings readings;
  readings.interfaces = source_();
  std::erase_if(readings.interfaces, [this](const InterfaceSample& interface) {
    return !choice_.matches(interface.name);
  });
  const std::lock_guard lock(mutex_);
  readings.collections = collections_;
  readings.last_collection = last_collection_;
  return readings;
}

std::string NetprobePages::metrics_page() const {
  std::string page;
  append_netprobe_families(page, readings(), settings_.active_only);
  return page;
}

NetprobeHealth NetprobePages::health() const {
  NetprobeHealth health;
  health.series = count_series(metrics_page());
  health.now = wall_clock_now();
  health.interval = settings_.interval;
  health.port = port_;
  health.requests = requests_;
  const std::lock_guard lock(mutex_);
  health.age = clock_() - last_;
  health.last_collection = last_collection_;
  health.collections = collections_;
  return health;
}

HttpResponse NetprobePages::page_for(const HttpRequest& request) {
  if (request.method == "OPTIONS") return {204, ""};
  if (request.method != "GET" && request.method != "HEAD") {
    return {405,
            "method not allowed\n",
            "text/plain; charset=utf-8",
            {{"Allow", "GET, HEAD, OPTIONS"}}};
  }
  if (request.path == settings_.path) {
    ++requests_;
    return {200, metrics_page(), "text/plain; version=0.0.4; charset=utf-8"};
  }
  if (request.path == "/health" || request.path == "/healthz") {
    const NetprobeHealth now = health();
    return {now.stale() ? 503 : 200, render_netprobe_health(now), "application/json"};
  }
  if (request.path == "/") {
    return {200, render_netprobe_root(settings_.path, port_), "text/html; charset=utf-8"};
  }
  return {404, "404 page not found\n"};
}

HttpResponse NetprobePages::answer(const HttpRequest& request) {
  HttpResponse response = page_for(request);
  response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, OPTIONS");
  response.headers.emplace_back("Access-Control-Allow-Headers", "Content-Type");
  if (settings_.debug) {
    log_info(std::string(request.method) + ' ' + std::string(request.path) + ' ' +
             std::to_string(response.status));
  }
  return response;
}

}  // namespace weir
