#include "agent/metrics_pages.h"

#include <utility>

namespace weir {

HttpServer::Handler metrics_pages(std::function<std::string()> page) {
  return [page = std::move(page)](const HttpRequest& request) -> HttpResponse {
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (reads && request.path == "/healthz") return {200, "ok\n"};
    if (reads && request.path == "/metrics") {
      std::string text = page();
      if (text.empty()) return {503, "not measuring yet\n"};
      return {200, std::move(text), "text/plain; version=0.0.4; charset=utf-8"};
    }
    return {404, "not found: try /metrics or /healthz\n"};
  };
}

}  // namespace weir
