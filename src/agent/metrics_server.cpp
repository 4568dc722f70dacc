#include "agent/metrics_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <thread>
#include <utility>

namespace weir {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kThreads = 3;
constexpr int kMaxWaiting = 16;  // connections, beside those being served
constexpr int kStopCheckMs = 20;
constexpr std::size_t kMaxBodyBytes = 4096;

// A connection with one deadline for all of it: the library's own time-outs begin anew with each
// byte, so a client could hold a thread for hours.
class DeadlineStream final : public httplib::Stream {
 public:
  DeadlineStream(int fd, std::chrono::milliseconds deadline, const std::atomic<bool>& stopping)
      : fd_(fd), stopping_(stopping), deadline_(Clock::now() + deadline) {}

  bool is_readable() const override { return wait(POLLIN); }
  bool is_writable() const override { return wait(POLLOUT); }

  ssize_t read(char* to, std::size_t size) override {
    return wait(POLLIN) ? recv(fd_, to, size, MSG_DONTWAIT) : -1;
  }
  ssize_t write(const char* from, std::size_t size) override {
    return wait(POLLOUT) ? send(fd_, from, size, MSG_DONTWAIT | MSG_NOSIGNAL) : -1;
  }
  // Nobody asks: no page depends on who reads it.
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return fd_; }

 private:
  bool wait(short events) const {
    while (!stopping_ && Clock::now() < deadline_) {
      pollfd entry{fd_, events, 0};
      const int ready = poll(&entry, 1, kStopCheckMs);
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
    return false;
  }

  int fd_;
  const std::atomic<bool>& stopping_;
  Clock::time_point deadline_;
};

// The library's pool with a bounded line in front of it.
class BoundedPool final : public httplib::TaskQueue {
 public:
  explicit BoundedPool(std::atomic<bool>& turn_away) : turn_away_(turn_away) {}

  void enqueue(std::function<void()> task) override {
    if (waiting_ >= kMaxWaiting) {
      turn_away_ = true;  // read by the task, which runs here and now
      task();
      turn_away_ = false;
      return;
    }
    ++waiting_;
    pool_.enqueue([this, task = std::move(task)] {
      --waiting_;
      task();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  std::atomic<bool>& turn_away_;
  std::atomic<int> waiting_{0};
  httplib::ThreadPool pool_{kThreads};
};

void reuse_address(socket_t fd) {
  // Not SO_REUSEPORT, the library's default: a second weir on the same port must fail, not share.
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

}  // namespace

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
  const auto wrong = [&] {
    return failure(fmt::format(
        "listen on '{}': not ADDRESS:PORT (for example 127.0.0.1:9911 or [::1]:9911)", text));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong();
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 3) return wrong();
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong();
  }
  ListenAddress address{std::string(host), 0};
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) return wrong();
  return address;
}

class MetricsServer::Server final : public httplib::Server {
 public:
  Server(Page page, std::chrono::milliseconds deadline)
      : page_(std::move(page)), deadline_(deadline) {
    set_socket_options(reuse_address);
    set_payload_max_length(kMaxBodyBytes);
    new_task_queue = [this] { return new BoundedPool(turn_away_); };
    Get("/metrics",
        [this](const httplib::Request&, httplib::Response& response) { serve_page(response); });
    Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("ok\n", "text/plain; charset=utf-8");
    });
    // Before the library waits for a body that nobody wants.
    set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
      if (request.method == "GET" || request.method == "HEAD") return HandlerResponse::Unhandled;
      response.status = 404;
      return HandlerResponse::Handled;
    });
    set_error_handler([](const httplib::Request&, httplib::Response& response) {
      const char* text = response.status == 404   ? "not found: try /metrics or /healthz\n"
                         : response.status == 503 ? "not measuring yet\n"
                                                  : "not possible\n";
      response.set_content(text, "text/plain; charset=utf-8");
    });
  }

  ~Server() override { end(); }

  Result<> bind(const ListenAddress& address) {
    errno = 0;
    const bool bound = address.port == 0 ? (port_ = bind_to_any_port(address.host)) > 0
                                         : bind_to_port(address.host, port_ = address.port);
    if (bound) return {};
    const std::string what =
        fmt::format("listen on {}:{} (choose an address of this host and a free port)",
                    address.host, address.port);
    if (errno != 0) return system_failure(what);
    return failure(what);
  }

  void begin() {
    thread_ = std::thread([this] {
      accepting_thread_ = std::this_thread::get_id();
      listen_after_bind();
      finished_ = true;
    });
  }

  void end() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    // stop() does nothing before the loop runs, and must not be called twice.
    while (!is_running() && !finished_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    httplib::Server::stop();
    thread_.join();
  }

  int port() const { return port_; }

 private:
  void serve_page(httplib::Response& response) {
    std::string page = page_();
    if (page.empty()) {
      response.status = 503;
      return;
    }
    response.set_content(std::move(page), "text/plain; version=0.0.4; charset=utf-8");
  }

  bool process_and_close_socket(socket_t fd) override {
    const bool refuse = turn_away_ && std::this_thread::get_id() == accepting_thread_;
    if (!refuse && !stopping_) {
      DeadlineStream stream(fd, deadline_, stopping_);
      bool closed = false;
      process_request(stream, true, closed, nullptr);
      shutdown(fd, SHUT_RDWR);
    }
    ::close(fd);
    return true;
  }

  Page page_;
  std::chrono::milliseconds deadline_;
  int port_ = 0;
  std::atomic<bool> stopping_{false}, finished_{false};
  std::atomic<bool> turn_away_{false};
  std::thread::id accepting_thread_;
  std::thread thread_;
};

MetricsServer::MetricsServer(std::unique_ptr<Server> server) : server_(std::move(server)) {}
MetricsServer::MetricsServer(MetricsServer&&) noexcept = default;
MetricsServer& MetricsServer::operator=(MetricsServer&&) noexcept = default;
MetricsServer::~MetricsServer() = default;

Result<MetricsServer> MetricsServer::start(const ListenAddress& address, Page page,
                                           std::chrono::milliseconds deadline) {
  auto server = std::make_unique<Server>(std::move(page), deadline);
  if (auto bound = server->bind(address); !bound) {
    return tl::unexpected<Error>(std::move(bound.error()));
  }
  server->begin();
  return MetricsServer(std::move(server));
}

std::uint16_t MetricsServer::port() const { return static_cast<std::uint16_t>(server_->port()); }

void MetricsServer::stop() { server_->end(); }

}  // namespace weir
