// The pages of a lens's --listen: GET /metrics and GET /healthz.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/http_server.h"

namespace weir {

// `page` is called on the server's threads, several at a time. An empty one is answered with 503:
// the lens is not yet measuring.
HttpServer::Handler metrics_pages(std::function<std::string()> page);

// Serves them at what --listen was given, by `server`; nowhere where that is empty. Says where,
// when the system chose the port.
Result<> serve_metrics(const std::string& listen, std::function<std::string()> page,
                       std::optional<HttpServer>& server);

}  // namespace weir
