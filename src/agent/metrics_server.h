// MetricsServer: GET /metrics and GET /healthz over HTTP. A few threads of its own; a client that
// is slow is cut off, one too many is turned away.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir {

// What --listen takes: "127.0.0.1:9911", "[::1]:9911", "localhost:0".
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;  // 0: the system chooses one

  static Result<ListenAddress> parse(std::string_view text);
};

class MetricsServer {
 public:
  // Called on the server's threads, several at a time. An empty page is answered with 503: the
  // program is not yet measuring.
  using Page = std::function<std::string()>;

  // A connection that has not had its answer `deadline` after it came is cut off.
  static Result<MetricsServer> start(const ListenAddress& address, Page page,
                                     std::chrono::milliseconds deadline = std::chrono::seconds(5));

  MetricsServer(MetricsServer&&) noexcept;
  MetricsServer& operator=(MetricsServer&&) noexcept;
  ~MetricsServer();  // stop()

  // The port in use, also where the system chose it.
  std::uint16_t port() const;
  // Ends all connections, also those in the middle of an answer. `page` is not called afterwards.
  void stop();

 private:
  class Server;
  explicit MetricsServer(std::unique_ptr<Server> server);

  std::unique_ptr<Server> server_;
};

}  // namespace weir
