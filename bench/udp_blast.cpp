// bench_udp_blast ADDRESS PORT PACKETS BYTES: sends UDP datagrams as fast as one thread can, many
// to a call, and prints the nanoseconds of CPU time that each took. Over a veth pair the receiving
// end works in the sender's time, so what someone who watches that end adds to a packet is seen.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace {

constexpr std::size_t kPacketsACall = 64;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

double cpu_ns() {
  timespec now{};
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) != 0) fail("clock_gettime");
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::fputs("usage: bench_udp_blast ADDRESS PORT PACKETS BYTES\n", stderr);
    return 2;
  }
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<std::uint16_t>(std::atoi(arguments[2])));
  if (inet_pton(AF_INET, arguments[1], &target.sin_addr) != 1) fail("ADDRESS");
  const std::uint64_t packets = std::strtoull(arguments[3], nullptr, 10);
  std::vector<char> payload(std::strtoull(arguments[4], nullptr, 10));

  const int out = socket(AF_INET, SOCK_DGRAM, 0);
  if (out < 0) fail("socket");
  if (connect(out, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) fail("connect");

  iovec part{payload.data(), payload.size()};
  std::array<mmsghdr, kPacketsACall> batch{};
  for (mmsghdr& message : batch) {
    message.msg_hdr.msg_iov = &part;
    message.msg_hdr.msg_iovlen = 1;
  }

  const double begin = cpu_ns();
  std::uint64_t sent = 0;
  while (sent < packets) {
    const int now = sendmmsg(out, batch.data(), static_cast<unsigned>(batch.size()), 0);
    if (now <= 0) fail("sendmmsg");
    sent += static_cast<std::uint64_t>(now);
  }
  std::printf("%.1f\n", (cpu_ns() - begin) / static_cast<double>(sent));
  return 0;
}
