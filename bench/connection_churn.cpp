// bench_connection_churn COUNT: that many connections over loopback, made, accepted and closed, one
// after another; prints the CPU nanoseconds of one, both ends and the network between them.
// bench_connection_churn --open COUNT: opens them, says `open`, and keeps them until standard input
// ends.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

double cpu_ns() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

int listener(sockaddr_in& at) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_ANY);
  socklen_t size = sizeof at;
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&at), size) != 0 || listen(fd, 1024) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    fail("listen");
  }
  return fd;
}

int client(const sockaddr_in& at) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("connect");
  return fd;
}

void churn(long count) {
  sockaddr_in at{};
  const int server = listener(at);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const linger abort{1, 0};  // no TIME_WAIT: ports last
  const double before = cpu_ns();
  for (long i = 0; i < count; ++i) {
    const int from = client(at);
    const int to = accept(server, nullptr, nullptr);
    if (to < 0) fail("accept");
    close(to);
    setsockopt(from, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    close(from);
  }
  std::printf("%.1f\n", (cpu_ns() - before) / static_cast<double>(count));
}

void open_many(long count) {
  sockaddr_in at{};
  const int server = listener(at);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (long i = 0; i < count; ++i) {
    client(at);
    if (accept(server, nullptr, nullptr) < 0) fail("accept");
  }
  std::puts("open");
  std::fflush(stdout);
  std::getchar();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) {
    churn(std::atol(argv[1]));
  } else if (argc == 3 && std::strcmp(argv[1], "--open") == 0) {
    open_many(std::atol(argv[2]));
  } else {
    std::fputs("usage: bench_connection_churn [--open] COUNT\n", stderr);
    return 2;
  }
}
