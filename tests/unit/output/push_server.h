// A server on loopback that answers pushes as a test wants it to and keeps what it was sent.
#pragma once

#include <httplib.h>

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace weir {

class PushServer {
 public:
  struct Seen {
    std::string path, body;
    httplib::Headers headers;
    std::chrono::steady_clock::time_point when;
  };
  // How to answer the n-th request, from 0.
  using Answers = std::function<void(std::size_t n, httplib::Response& response)>;

  // Port 0: any.
  explicit PushServer(Answers answers, int port = 0) : answers_(std::move(answers)), port_(port) {
    server_.Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      std::size_t n;
      {
        const std::lock_guard lock(mutex_);
        n = seen_.size();
        seen_.push_back(
            {request.path, request.body, request.headers, std::chrono::steady_clock::now()});
      }
      response.status = 204;
      answers_(n, response);
    });
    if (port_ == 0) {
      port_ = server_.bind_to_any_port("127.0.0.1");
    } else if (!server_.bind_to_port("127.0.0.1", port_)) {
      throw std::runtime_error("the port is taken");
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~PushServer() {
    server_.stop();
    thread_.join();
  }

  std::string url(const std::string& path = "/api/v1/write") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  int port() const { return port_; }
  std::vector<Seen> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  const Answers answers_;
  httplib::Server server_;
  int port_;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
};

}  // namespace weir
