// The pages of a lens's --listen: GET /metrics and GET /healthz.
#pragma once

#include <functional>
#include <string>

#include "agent/http_server.h"

namespace weir {

// `page` is called on the server's threads, several at a time. An empty one is answered with 503:
// the lens is not yet measuring.
HttpServer::Handler metrics_pages(std::function<std::string()> page);

// Serves them at what --listen was given. Says where, when the system chose the port.
Result<HttpServer> serve_metrics(const std::string& listen, std::function<std::string()> page);

}  // namespace weir
