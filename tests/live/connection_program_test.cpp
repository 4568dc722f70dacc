// The programs that follow TCP connections, on real ones over loopback. Needs root.
#include "kernel/connection_program.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/fd.h"
#include "live/own_namespace.h"

namespace weir {
namespace {

class ConnectionProgramTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ready_ = enter_own_namespace(); }
  void SetUp() override {
    if (!ready_) GTEST_SKIP() << "SKIPPED: needs root, for a network namespace";
    load();
  }
  void load() {
    auto loaded = ConnectionProgram::load({});
    ASSERT_TRUE(loaded) << loaded.error().text();
    program_ = std::move(*loaded);
  }

  static sockaddr_in6 address(bool v6, std::uint16_t port) {
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(port);
    inet_pton(AF_INET6, v6 ? "::1" : "::ffff:127.0.0.1", &at.sin6_addr);
    return at;
  }
  static std::uint16_t port_of(const Fd& fd) {
    sockaddr_in6 at{};
    socklen_t size = sizeof at;
    getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size);
    return ntohs(at.sin6_port);
  }
  static Fd listener(bool v6 = true) {
    Fd fd(socket(AF_INET6, SOCK_STREAM, 0));
    const sockaddr_in6 at = address(v6, 0);
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(listen(fd.get(), 16), 0);
    return fd;
  }
  static Fd client(std::uint16_t port, bool v6 = true, bool succeeds = true) {
    Fd fd(socket(AF_INET6, SOCK_STREAM, 0));
    const sockaddr_in6 at = address(v6, port);
    const int status = connect(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
    EXPECT_EQ(status == 0, succeeds);
    return fd;
  }
  static void send_text(const Fd& from, const Fd& to, const std::string& text) {
    ASSERT_EQ(send(from.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    std::string got(text.size(), 0);
    ASSERT_EQ(recv(to.get(), got.data(), got.size(), MSG_WAITALL),
              static_cast<ssize_t>(text.size()));
  }
  // Those of this process.
  std::vector<connection_event> events() {
    std::vector<connection_event> all;
    program_->take_events([&](const connection_event& event) {
      if (event.record.life.owner.pid == static_cast<std::uint32_t>(getpid())) all.push_back(event);
    });
    return all;
  }
  // The record of the connection from this port; what it holds is checked by the caller.
  connection_record living(std::uint16_t source_port) const {
    connection_record found{};
    EXPECT_TRUE(program_->read([&](const connection_record& record) {
      if (record.source_port == source_port && record.destination_port != 0) found = record;
    }));
    return found;
  }

  static bool ready_;
  std::unique_ptr<ConnectionProgram> program_;
};
bool ConnectionProgramTest::ready_ = false;

TEST_F(ConnectionProgramTest, BothEndsFromBirthToDeath) {
  for (const bool v6 : {true, false}) {
    Fd server = listener(v6);
    const std::uint16_t port = port_of(server);
    Fd from = client(port, v6);
    const std::uint16_t client_port = port_of(from);
    Fd to(accept(server.get(), nullptr, nullptr));
    send_text(from, to, "hello");
    send_text(to, from, "good day");
    const connection_record record = living(client_port);
    EXPECT_EQ(record.destination_port, port);
    EXPECT_EQ(record.state, TCP_ESTABLISHED);
    EXPECT_EQ(record.counters.bytes_sent, 5U);
    EXPECT_EQ(record.counters.bytes_received, 8U);
    EXPECT_EQ(record.life.owner.pid, static_cast<std::uint32_t>(getpid()));
    from = Fd();
    usleep(10'000);
    to = Fd();
    const auto all = events();
    ASSERT_EQ(all.size(), 4U);
    int clients = 0, servers = 0, closed = 0;
    for (const connection_event& event : all) {
      const connection_record& one = event.record;
      const bool is_client = one.life.role == CONNECTION_CLIENT;
      clients += is_client ? 1 : 0;
      servers += one.life.role == CONNECTION_SERVER ? 1 : 0;
      EXPECT_EQ(one.source_port, is_client ? client_port : port);
      EXPECT_EQ(one.destination_port, is_client ? port : client_port);
      std::uint32_t words[4];
      std::memcpy(words, one.source, sizeof words);
      EXPECT_EQ(words[2], v6 ? 0U : htonl(0xffff));
      EXPECT_GT(one.life.established, 0U);
      EXPECT_GE(one.life.established, one.life.born);
      if (event.kind != CONNECTION_CLOSED) continue;
      ++closed;
      EXPECT_EQ(one.counters.bytes_received, is_client ? 8U : 5U);
      EXPECT_EQ(one.counters.bytes_sent, is_client ? 5U : 8U);
      EXPECT_EQ(one.life.closed_first, is_client ? 1 : 2);
      EXPECT_EQ(one.error, 0U);
      EXPECT_GT(one.counters.srtt_us, 0U);
      EXPECT_EQ(one.life.owner.source, CONNECTION_OWNER_CALLER);  // who closed it
    }
    EXPECT_EQ(clients, 2);
    EXPECT_EQ(servers, 2);
    EXPECT_EQ(closed, 2);
  }
}

TEST_F(ConnectionProgramTest, RefusedIsAFailure) {
  std::uint16_t port = 0;
  {
    const Fd gone = listener();
    port = port_of(gone);
  }
  client(port, true, false);
  const auto all = events();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].kind, CONNECTION_FAILED);
  EXPECT_EQ(all[0].record.error, static_cast<std::uint32_t>(ECONNREFUSED));
  EXPECT_EQ(all[0].record.destination_port, port);
}

TEST_F(ConnectionProgramTest, ResetsHaveAName) {
  Fd server = listener();
  Fd from = client(port_of(server));
  Fd to(accept(server.get(), nullptr, nullptr));
  const linger hard{1, 0};
  setsockopt(from.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  from = Fd();
  usleep(10'000);
  int sent = 0, received = 0;
  for (const connection_event& event : events()) {
    if (event.kind != CONNECTION_CLOSED) continue;
    if (event.record.life.role == CONNECTION_CLIENT) sent = event.record.life.reset_sent;
    if (event.record.life.role == CONNECTION_SERVER) {
      received = event.record.life.reset_received;
      EXPECT_EQ(event.record.error, static_cast<std::uint32_t>(ECONNRESET));
    }
  }
  EXPECT_EQ(sent, 1);
  EXPECT_EQ(received, 1);
}

TEST_F(ConnectionProgramTest, OlderConnectionsAreFound) {
  program_.reset();
  Fd server = listener();
  Fd from = client(port_of(server));
  const std::uint16_t client_port = port_of(from);
  Fd to(accept(server.get(), nullptr, nullptr));
  send_text(from, to, "before");
  load();
  EXPECT_EQ(living(client_port).time, 0U) << "not known yet";
  ASSERT_TRUE(program_->find_older());
  connection_record record = living(client_port);
  EXPECT_EQ(record.counters.bytes_sent, 6U);
  EXPECT_EQ(record.life.role, CONNECTION_ROLE_UNKNOWN);
  ASSERT_TRUE(program_->find_owners());
  record = living(client_port);
  EXPECT_EQ(record.life.owner.pid, static_cast<std::uint32_t>(getpid()));
  EXPECT_EQ(record.life.owner.source, CONNECTION_OWNER_FILE);
  from = Fd();
  to = Fd();
  EXPECT_EQ(events().size(), 2U);
}

TEST_F(ConnectionProgramTest, EveryShortConnectionIsToldOnce) {
  constexpr std::size_t kConnections = 2000;
  Fd server = listener();
  const std::uint16_t port = port_of(server);
  std::size_t made = 0, closed = 0;
  for (std::size_t i = 0; i < kConnections; ++i) {
    Fd from = client(port);
    Fd to(accept(server.get(), nullptr, nullptr));
    from = Fd();
    to = Fd();
    if (i % 500 != 499) continue;
    for (const connection_event& event : events()) {
      made += event.kind == CONNECTION_ESTABLISHED ? 1 : 0;
      closed += event.kind == CONNECTION_CLOSED ? 1 : 0;
    }
  }
  EXPECT_EQ(made, 2 * kConnections);
  EXPECT_EQ(closed, 2 * kConnections);
  EXPECT_EQ(program_->event_counts().lost, 0U);
}

}  // namespace
}  // namespace weir
