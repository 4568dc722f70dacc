#include "agent/metrics_pages.h"

#include <utility>

#include "base/log.h"

namespace weir {

HttpServer::Handler metrics_pages(std::function<std::string()> page) {
  return [page = std::move(page)](const HttpRequest& request) -> HttpResponse {
    if (request.path == "/healthz" || request.path == "/metrics") {
      if (request.method != "GET" && request.method != "HEAD") {
        return {405, "not possible: GET\n", "text/plain; charset=utf-8", {{"Allow", "GET, HEAD"}}};
      }
      if (request.path == "/healthz") return {200, "ok\n"};
      std::string text = page();
      if (text.empty()) return {503, "not measuring yet\n"};
      return {200, std::move(text), "text/plain; version=0.0.4; charset=utf-8"};
    }
    return {404, "not found: try /metrics or /healthz\n"};
  };
}

Result<> serve_metrics(const std::string& listen, std::function<std::string()> page,
                       std::optional<HttpServer>& server) {
  if (listen.empty()) return {};
  const Result<ListenAddress> address = ListenAddress::parse(listen);
  if (!address) return tl::unexpected<Error>(address.error());
  Result<HttpServer> started = HttpServer::start(*address, metrics_pages(std::move(page)));
  if (!started) return tl::unexpected<Error>(started.error());
  server.emplace(std::move(*started));
  if (address->port == 0) {
    const bool v6 = address->host.find(':') != std::string::npos;
    log_info("metrics on http://" + (v6 ? "[" + address->host + "]" : address->host) + ":" +
             std::to_string(server->port()) + "/metrics");
  }
  return {};
}

}  // namespace weir
