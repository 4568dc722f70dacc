#include "agent/http_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

namespace weir {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kThreads = 16;
constexpr int kMaxWaiting = 64;  // connections, beside those being served
constexpr int kBacklog = 64;     // connections that the kernel holds until they are looked at
constexpr int kStopCheckMs = 20;
// For the request: those who connect and say nothing take places from those who ask.
constexpr std::chrono::milliseconds kRequestDeadline{2000};
constexpr std::size_t kMaxBodyBytes = 4096;

// A connection with one deadline for all of it: the library's own time-outs begin anew with each
// byte, so a client could hold a thread for hours.
class DeadlineStream final : public httplib::Stream {
 public:
  DeadlineStream(int fd, std::chrono::milliseconds deadline, const std::atomic<bool>& stopping)
      : fd_(fd),
        stopping_(stopping),
        deadline_(Clock::now() + deadline),
        asked_by_(Clock::now() + std::min(deadline, kRequestDeadline)) {}

  bool is_readable() const override { return wait(POLLIN, asked_by_); }
  bool is_writable() const override { return wait(POLLOUT, deadline_); }

  ssize_t read(char* to, std::size_t size) override {
    return wait(POLLIN, asked_by_) ? recv(fd_, to, size, MSG_DONTWAIT) : -1;
  }
  ssize_t write(const char* from, std::size_t size) override {
    return wait(POLLOUT, deadline_) ? send(fd_, from, size, MSG_DONTWAIT | MSG_NOSIGNAL) : -1;
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
  bool wait(short events, Clock::time_point until) const {
    while (!stopping_ && Clock::now() < until) {
      pollfd entry{fd_, events, 0};
      const int ready = poll(&entry, 1, kStopCheckMs);
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
    return false;
  }

  int fd_;
  const std::atomic<bool>& stopping_;
  Clock::time_point deadline_, asked_by_;
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

// Whether the client takes gzip: named, or by '*', and not refused by a quality of 0 (RFC
// 9110, 12.5.3).
bool accepts_gzip(std::string_view header) {
  bool any = false;
  while (!header.empty()) {
    std::string_view coding = header.substr(0, header.find(','));
    header.remove_prefix(std::min(coding.size() + 1, header.size()));
    std::string plain;  // without blanks, in lower case
    for (const char c : coding) {
      if (c != ' ' && c != '\t') plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    const std::size_t semicolon = plain.find(';');
    const std::string_view name = std::string_view(plain).substr(0, semicolon);
    const std::string_view quality =
        semicolon == std::string::npos ? "q=1" : std::string_view(plain).substr(semicolon + 1);
    const bool wanted =
        !quality.starts_with("q=0") || quality.find_first_of("123456789") != std::string_view::npos;
    if (name == "gzip" || name == "x-gzip") return wanted;
    if (name == "*") any = wanted;
  }
  return any;
}

void reuse_address(socket_t fd) {
  // Not SO_REUSEPORT, the library's default: a second weir on the same port must fail, not share.
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

}  // namespace

class HttpServer::Server final : public httplib::Server {
 public:
  Server(HttpServer::Handler handler, std::chrono::milliseconds deadline)
      : handler_(std::move(handler)), deadline_(deadline) {
    set_socket_options(reuse_address);
    set_payload_max_length(kMaxBodyBytes);
    new_task_queue = [this] { return new BoundedPool(turn_away_); };
    // Every request ends here, before the library waits for a body that nobody wants.
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      HttpResponse answer = handler_({request.method, request.path});
      response.status = answer.status;
      for (const auto& [name, value] : answer.headers) response.set_header(name, value);
      if (!answer.body.empty()) {
        response.set_content(std::move(answer.body), answer.content_type);
      }
      return HandlerResponse::Handled;
    });
    // For what the library refuses by itself; the handler's own errors have their text.
    set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty()) return;
      response.set_content("not possible\n", "text/plain; charset=utf-8");
    });
  }

  ~Server() override { end(); }

  Result<> bind(const ListenAddress& address) {
    errno = 0;
    bool bound = false;
    if (address.host.empty() || address.host == "::") {
      // The library takes IPv4 too on an IPv6 socket.
      bound = bind_to("::", address.port) ||
              (no_such_family(errno) && bind_to("0.0.0.0", address.port));
    } else {
      bound = bind_to(address.host, address.port);
    }
    if (bound) {
      // The library's line of 5 makes clients that come together wait a second.
      ::listen(svr_sock_, kBacklog);
      return {};
    }
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
  static bool no_such_family(int error) {
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == 0;
  }

  bool bind_to(const std::string& host, std::uint16_t port) {
    if (port == 0) return (port_ = bind_to_any_port(host)) > 0;
    port_ = port;
    return bind_to_port(host, port);
  }

  // The library compresses for whoever mentions gzip or br, also to refuse it.
  static void choose_encoding(httplib::Request& request) {
    const bool gzip = accepts_gzip(request.get_header_value("Accept-Encoding"));
    request.headers.erase("Accept-Encoding");
    if (gzip) request.set_header("Accept-Encoding", "gzip");
  }

  bool process_and_close_socket(socket_t fd) override {
    const bool refuse = turn_away_ && std::this_thread::get_id() == accepting_thread_;
    if (!refuse && !stopping_) {
      DeadlineStream stream(fd, deadline_, stopping_);
      bool closed = false;
      process_request(stream, true, closed, choose_encoding);
      shutdown(fd, SHUT_RDWR);
    }
    ::close(fd);
    return true;
  }

  HttpServer::Handler handler_;
  std::chrono::milliseconds deadline_;
  int port_ = 0;
  std::atomic<bool> stopping_{false}, finished_{false};
  std::atomic<bool> turn_away_{false};
  std::thread::id accepting_thread_;
  std::thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Server> server) : server_(std::move(server)) {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;
HttpServer& HttpServer::operator=(HttpServer&&) noexcept = default;
HttpServer::~HttpServer() = default;

Result<HttpServer> HttpServer::start(const ListenAddress& address, Handler handler,
                                     std::chrono::milliseconds deadline) {
  auto server = std::make_unique<Server>(std::move(handler), deadline);
  if (auto bound = server->bind(address); !bound) {
    return tl::unexpected<Error>(std::move(bound.error()));
  }
  server->begin();
  return HttpServer(std::move(server));
}

std::uint16_t HttpServer::port() const { return static_cast<std::uint16_t>(server_->port()); }

void HttpServer::stop() { server_->end(); }

}  // namespace weir
