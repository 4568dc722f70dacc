#include "agent/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <zlib.h>

#include <chrono>
#include <thread>
#include <vector>

#include "agent/metrics_pages.h"
#include "base/fd.h"

namespace weir {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

Fd connect_to(std::uint16_t port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval timeout{8, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

void send_text(const Fd& fd, std::string_view text) {
  EXPECT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

std::string receive_all(const Fd& fd) {
  std::string text;
  char buffer[65536];
  for (ssize_t n; (n = recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

std::string ask(std::uint16_t port, std::string_view request_line, std::string_view headers = "") {
  const Fd fd = connect_to(port);
  send_text(fd, std::string(request_line) + " HTTP/1.1\r\nHost: test\r\n" + std::string(headers) +
                    "\r\n");
  return receive_all(fd);
}

HttpResponse nothing(const HttpRequest&) { return {}; }

// What is behind the head of an answer, uncompressed.
std::string gunzip(const std::string& answer) {
  const std::string body = answer.substr(answer.find("\r\n\r\n") + 4);
  std::string text(100'000, '\0');
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  inflateEnd(&stream);
  text.resize(stream.total_out);
  return text;
}

HttpServer start(
    std::function<std::string()> page = [] { return std::string("a 1\n"); },
    milliseconds deadline = milliseconds(5000)) {
  auto server = HttpServer::start({"127.0.0.1", 0}, metrics_pages(std::move(page)), deadline);
  if (!server) throw std::runtime_error(server.error().text());
  return std::move(*server);
}

TEST(HttpServer, ServesThePage) {
  HttpServer server = start();
  ASSERT_NE(server.port(), 0);
  const std::string answer = ask(server.port(), "GET /metrics");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 "));
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\na 1\n")) << answer;
}

TEST(HttpServer, HealthHeadAndEverythingElse) {
  HttpServer server = start();
  EXPECT_TRUE(ask(server.port(), "GET /healthz").ends_with("\r\n\r\nok\n"));
  const std::string head = ask(server.port(), "HEAD /metrics");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 "));
  EXPECT_NE(head.find("Content-Length: 4\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_TRUE(ask(server.port(), "GET /").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(ask(server.port(), "GET /metrics/x").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(ask(server.port(), "POST /metrics").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(ask(server.port(), "nonsense").starts_with("HTTP/1.1 4"));
}

TEST(HttpServer, AnEmptyPageIsNotReady) {
  HttpServer server = start([] { return std::string(); });
  EXPECT_TRUE(ask(server.port(), "GET /metrics").starts_with("HTTP/1.1 503 "));
}

TEST(HttpServer, TheHandlerDecidesAll) {
  auto server = HttpServer::start({"127.0.0.1", 0}, [](const HttpRequest& request) -> HttpResponse {
    if (request.method == "OPTIONS") return {204, "", "", {{"Allow", "GET, OPTIONS"}}};
    if (request.path == "/gone") return {410, "no more\n"};
    return {200,
            std::string(request.method) + ' ' + std::string(request.path),
            "text/html",
            {{"X-A", "b"}}};
  });
  ASSERT_TRUE(server);
  const std::string page = ask(server->port(), "GET /a%20b?c=d");
  EXPECT_TRUE(page.ends_with("\r\n\r\nGET /a b")) << page;
  EXPECT_NE(page.find("Content-Type: text/html\r\n"), std::string::npos);
  EXPECT_NE(page.find("X-A: b\r\n"), std::string::npos);
  EXPECT_TRUE(ask(server->port(), "DELETE /x").ends_with("DELETE /x"));
  const std::string options = ask(server->port(), "OPTIONS *");
  EXPECT_TRUE(options.starts_with("HTTP/1.1 204 ")) << options;
  EXPECT_NE(options.find("Allow: GET, OPTIONS\r\n"), std::string::npos);
  EXPECT_TRUE(options.ends_with("\r\n\r\n"));
  const std::string gone = ask(server->port(), "GET /gone");
  EXPECT_TRUE(gone.starts_with("HTTP/1.1 410 ")) << gone;
  EXPECT_TRUE(gone.ends_with("\r\n\r\nno more\n"));
}

TEST(HttpServer, CompressesForWhoeverAcceptsIt) {
  const std::string page(50'000, 'x');
  HttpServer server = start([&] { return page; });
  for (const auto* header : {"gzip", "deflate, gzip, br", "br;q=1.0, gzip;q=0.5", "GZIP", "*",
                             "x-gzip", "*;q=0, gzip"}) {
    const std::string answer =
        ask(server.port(), "GET /metrics", "Accept-Encoding: " + std::string(header) + "\r\n");
    EXPECT_NE(answer.find("Content-Encoding: gzip\r\n"), std::string::npos) << header;
    EXPECT_LT(answer.size(), 1000U);
    EXPECT_EQ(gunzip(answer), page);
  }
  for (const auto* header :
       {"", "br", "gzip;q=0", "gzip; q=0.000", "*, gzip;q=0", "identity", ",,"}) {
    const std::string answer =
        ask(server.port(), "GET /metrics", "Accept-Encoding: " + std::string(header) + "\r\n");
    EXPECT_EQ(answer.find("Content-Encoding"), std::string::npos) << header;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n" + page)) << header;
  }
}

TEST(HttpServer, AllAddresses) {
  for (const auto* host : {"", "::"}) {
    auto server = HttpServer::start({host, 0}, metrics_pages([] { return std::string("a 1\n"); }));
    ASSERT_TRUE(server) << server.error().text();
    EXPECT_TRUE(ask(server->port(), "GET /metrics").ends_with("a 1\n"));  // by IPv4
    const Fd v6(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(server->port());
    address.sin6_addr = in6addr_loopback;
    if (connect(v6.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) continue;
    send_text(v6, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(receive_all(v6).ends_with("a 1\n"));
  }
}

TEST(HttpServer, ALargePageArrivesWhole) {
  const std::string page(8'000'000, 'x');
  HttpServer server = start([&] { return page; });
  const std::string answer = ask(server.port(), "GET /metrics");
  EXPECT_TRUE(answer.ends_with(page));
}

TEST(HttpServer, APortInUseIsAnError) {
  HttpServer server = start();
  const auto second = HttpServer::start({"127.0.0.1", server.port()}, nothing);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code.value(), EADDRINUSE);
  EXPECT_NE(second.error().text().find("listen on 127.0.0.1:" + std::to_string(server.port())),
            std::string::npos)
      << second.error().text();
  EXPECT_FALSE(HttpServer::start({"", server.port()}, nothing));
  EXPECT_FALSE(HttpServer::start({"192.0.2.77", 0}, nothing));
}

TEST(HttpServer, StopsAtOnceWhateverClientsDo) {
  HttpServer server = start([] { return std::string(20'000'000, 'x'); });
  std::vector<Fd> clients;
  for (int i = 0; i < 6; ++i) clients.push_back(connect_to(server.port()));  // say nothing
  for (int i = 0; i < 2; ++i) {
    clients.push_back(connect_to(server.port()));
    send_text(clients.back(), "GET /metrics HTTP/1.1\r\nHost: x\r\n");  // and no more
  }
  std::this_thread::sleep_for(milliseconds(50));
  const auto begin = Clock::now();
  server.stop();
  EXPECT_LT(Clock::now() - begin, milliseconds(100));
  server.stop();
}

TEST(HttpServer, StopsRightAfterItsStart) {
  for (int i = 0; i < 20; ++i) start().stop();
}

TEST(HttpServer, ADribblingClientIsCutOff) {
  HttpServer server = start([] { return std::string("a 1\n"); }, milliseconds(300));
  const Fd fd = connect_to(server.port());
  send_text(fd, "GET /metrics HTTP/1.1\r\nX: ");
  const auto begin = Clock::now();
  bool open = true;
  while (open && Clock::now() - begin < std::chrono::seconds(3)) {
    std::this_thread::sleep_for(milliseconds(20));
    open = send(fd.get(), "x", 1, MSG_NOSIGNAL) == 1;
  }
  EXPECT_FALSE(open);
}

TEST(HttpServer, TooManyWaitingAreTurnedAwayAndTheRestServed) {
  HttpServer server = start();
  std::vector<Fd> silent;
  for (int i = 0; i < 120; ++i) silent.push_back(connect_to(server.port()));
  std::this_thread::sleep_for(milliseconds(100));
  int closed = 0;
  for (const Fd& fd : silent) {
    char byte;
    if (recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 0) ++closed;
  }
  EXPECT_GE(closed, 20);
  silent.clear();
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_TRUE(ask(server.port(), "GET /healthz").starts_with("HTTP/1.1 200 "));
}

// They are cut off after two seconds, whatever the deadline of the answer.
TEST(HttpServer, SilentConnectionsDoNotKeepOthersWaiting) {
  HttpServer server = start([] { return std::string("a 1\n"); }, std::chrono::seconds(30));
  std::vector<Fd> silent;
  for (int i = 0; i < 30; ++i) silent.push_back(connect_to(server.port()));
  const auto begin = Clock::now();
  EXPECT_TRUE(ask(server.port(), "GET /healthz").starts_with("HTTP/1.1 200 "));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(8));
}

TEST(ListenAddress, Forms) {
  const auto v4 = ListenAddress::parse("127.0.0.1:9911");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->host, "127.0.0.1");
  EXPECT_EQ(v4->port, 9911);
  const auto v6 = ListenAddress::parse("[::1]:0");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->port, 0);
  EXPECT_TRUE(ListenAddress::parse("localhost:80"));
  for (const auto* bad : {"", ":", ":9911", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                          "127.0.0.1:x", "::1:80", "[::1]", "[]:80", "[::1:80", "127.0.0.1:80x"}) {
    const auto parsed = ListenAddress::parse(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_NE(parsed.error().text().find("ADDRESS:PORT"), std::string::npos);
  }
}

TEST(HttpServer, Ipv6) {
  auto server = HttpServer::start({"::1", 0}, nothing);
  if (!server) GTEST_SKIP() << "no IPv6 here";
  EXPECT_NE(server->port(), 0);
}

}  // namespace
}  // namespace weir
