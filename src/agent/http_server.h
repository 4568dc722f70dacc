// HttpServer: answers HTTP requests by a function. A few threads of its own; a connection serves
// one request; a client that is slow is cut off, one too many is turned away.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/listen_address.h"
#include "base/result.h"

namespace weir {

// Views valid during the call. A body is never read.
struct HttpRequest {
  std::string_view method;  // GET, HEAD, ...
  std::string_view path;    // decoded, without what follows '?'
};

struct HttpResponse {
  int status = 200;
  std::string body;  // left out of the answer to HEAD
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers = {};  // beside those of every answer
};

class HttpServer {
 public:
  // Called on the server's threads, several at a time, for every request that could be read,
  // whatever its method. Bodies are compressed (gzip) for clients that accept it.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  // A connection that has not had its answer `deadline` after it came is cut off. A port that is
  // in use is an error with the code EADDRINUSE.
  static Result<HttpServer> start(const ListenAddress& address, Handler handler,
                                  std::chrono::milliseconds deadline = std::chrono::seconds(5));

  HttpServer(HttpServer&&) noexcept;
  HttpServer& operator=(HttpServer&&) noexcept;
  ~HttpServer();  // stop()

  // The port in use, also where the system chose it.
  std::uint16_t port() const;
  // Ends all connections, also those in the middle of an answer. `handler` is not called
  // afterwards.
  void stop();

 private:
  class Server;
  explicit HttpServer(std::unique_ptr<Server> server);

  std::unique_ptr<Server> server_;
};

}  // namespace weir
