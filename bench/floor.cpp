// bench_floor FILE http|redis: the least work that counts the round trips of a pcap file of TCP
// over IPv4 over Ethernet. It maps the file, parses fixed headers, keeps a table of connections,
// finds message ends and pairs first in first out. No reordering, no gaps, no fields, no checks: it
// is not a product and trusts its input. What weir costs beyond it is what the truth costs.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace {

struct Direction {
  std::string unfinished;  // bytes that the decoder could not use yet
  std::uint64_t body = 0;  // still to be passed over
};

struct Connection {
  std::uint64_t addresses = 0;  // client's, server's
  std::uint32_t ports = 0;
  bool used = false;
  Direction asked, answered;
  std::vector<std::uint64_t> open;  // when the requests without an answer came; a queue from `next`
  std::size_t next = 0;
};

struct Totals {
  std::uint64_t packets = 0, requests = 0, pairs = 0, checksum = 0;
  std::array<std::uint64_t, 64> durations{};  // by power of two
};

class Floor {
 public:
  explicit Floor(bool http) : http_(http), server_port_(http ? 8080 : 6379), table_(1u << 17) {}

  void frame(std::uint64_t micros, const std::uint8_t* data, std::uint32_t size);
  const Totals& totals() const { return totals_; }

 private:
  using Decoder = std::size_t (Floor::*)(Connection&, bool asks, std::string_view, std::uint64_t);

  Connection& find(std::uint64_t addresses, std::uint32_t ports);
  std::size_t http(Connection& connection, bool asks, std::string_view bytes, std::uint64_t now);
  std::size_t redis(Connection& connection, bool asks, std::string_view bytes, std::uint64_t now);
  void message(Connection& connection, bool asks, std::uint64_t now);

  bool http_;
  std::uint32_t server_port_;
  std::vector<Connection> table_;  // open addressing, never full: the recordings have some 10 000
  Totals totals_;
};

std::uint32_t be16(const std::uint8_t* p) { return static_cast<std::uint32_t>(p[0] << 8 | p[1]); }

Connection& Floor::find(std::uint64_t addresses, std::uint32_t ports) {
  std::uint64_t hash = addresses * 0x9e3779b97f4a7c15u ^ ports * 0xc2b2ae3d27d4eb4fu;
  hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
  for (std::size_t at = hash >> 40;; ++at) {
    Connection& entry = table_[at & (table_.size() - 1)];
    if (entry.used && entry.addresses == addresses && entry.ports == ports) return entry;
    if (entry.used) continue;
    entry.addresses = addresses;
    entry.ports = ports;
    entry.used = true;
    return entry;
  }
}

void Floor::message(Connection& c, bool asks, std::uint64_t now) {
  if (asks) {
    ++totals_.requests;
    c.open.push_back(now);
    return;
  }
  if (c.next == c.open.size()) return;
  const std::uint64_t duration = now - c.open[c.next++];
  if (c.next == c.open.size()) {
    c.open.clear();
    c.next = 0;
  }
  ++totals_.pairs;
  ++totals_.durations[static_cast<std::size_t>(std::bit_width(duration)) & 63];
}

// A decoder says how many of the bytes it has used up.
std::size_t Floor::http(Connection& c, bool asks, std::string_view bytes, std::uint64_t now) {
  std::uint64_t& body = (asks ? c.asked : c.answered).body;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (body > 0) {
      const std::size_t skipped = std::min<std::uint64_t>(body, bytes.size() - at);
      body -= skipped;
      at += skipped;
      continue;
    }
    const auto* start = bytes.data() + at;
    const auto* blank = static_cast<const char*>(memmem(start, bytes.size() - at, "\r\n\r\n", 4));
    if (blank == nullptr) return at;
    const std::string_view head(start, static_cast<std::size_t>(blank + 2 - start));
    totals_.checksum += asks ? head.find(' ', 4) : static_cast<std::size_t>(head[9]);
    for (std::size_t line = head.find('\n') + 1; line < head.size();) {
      if ((head[line] | 32) == 'c' && strncasecmp(&head[line], "content-length:", 15) == 0) {
        body = std::strtoull(&head[line + 15], nullptr, 10);
      }
      line = head.find('\n', line) + 1;
    }
    at += head.size() + 2;
    message(c, asks, now);
  }
  return at;
}

std::size_t Floor::redis(Connection& c, bool asks, std::string_view bytes, std::uint64_t now) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::size_t end = at;
    for (long elements = 1; elements > 0; --elements) {
      const std::size_t line = bytes.find('\n', end);
      if (line == std::string_view::npos) return at;
      const char type = bytes[end];
      const long number = std::strtol(&bytes[end + 1], nullptr, 10);
      end = line + 1;
      if (type == '*') elements += number;
      if (type == '$' && number >= 0) end += static_cast<std::size_t>(number) + 2;
      if (end > bytes.size()) return at;
      totals_.checksum += static_cast<std::uint64_t>(number);
    }
    at = end;
    message(c, asks, now);
  }
  return at;
}

void Floor::frame(std::uint64_t now, const std::uint8_t* data, std::uint32_t size) {
  ++totals_.packets;
  if (size < 54 || be16(data + 12) != 0x0800 || data[23] != 6) return;
  const std::uint32_t ip_header = (data[14] & 15u) * 4;
  const std::uint8_t* tcp = data + 14 + ip_header;
  const std::uint32_t headers = ip_header + (tcp[12] >> 4) * 4u;
  const std::uint32_t captured = size - 14 - headers;
  const std::uint32_t length = std::min(be16(data + 16) - headers, captured);
  const bool asks = be16(tcp + 2) == server_port_;
  std::uint32_t source, destination;
  std::memcpy(&source, data + 26, 4);
  std::memcpy(&destination, data + 30, 4);
  const std::uint32_t from = be16(tcp), to = be16(tcp + 2);
  Connection& c = asks ? find(std::uint64_t{source} << 32 | destination, from << 16 | to)
                       : find(std::uint64_t{destination} << 32 | source, to << 16 | from);
  if (length == 0) return;
  const std::string_view payload(reinterpret_cast<const char*>(tcp + headers - ip_header), length);
  const Decoder decode = http_ ? &Floor::http : &Floor::redis;
  std::string& unfinished = (asks ? c.asked : c.answered).unfinished;
  if (unfinished.empty()) {
    const std::size_t used = (this->*decode)(c, asks, payload, now);
    if (used < length) unfinished = payload.substr(used);
    return;
  }
  unfinished += payload;
  unfinished.erase(0, (this->*decode)(c, asks, unfinished, now));
}

// As weir reads: faulted in and given back by windows.
void walk(Floor& floor, std::uint8_t* map, std::size_t size) {
  constexpr std::size_t kWindow = std::size_t{2} << 20;
  std::size_t ready = 0;
  for (std::size_t at = 24; at + 16 <= size;) {
    std::array<std::uint32_t, 4> header;  // seconds, microseconds, captured, on the wire
    if (at + kWindow / 2 > ready && ready < size) {
      if (at > 2 * kWindow) madvise(map, (at / kWindow - 1) * kWindow, MADV_DONTNEED);
      madvise(map + ready, std::min(kWindow, size - ready), MADV_POPULATE_READ);
      ready += kWindow;
    }
    std::memcpy(header.data(), map + at, 16);
    if (at + 16 + header[2] > size) break;
    floor.frame(std::uint64_t{header[0]} * 1'000'000 + header[1], map + at + 16, header[2]);
    at += 16 + header[2];
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view mode = count == 3 ? arguments[2] : "";
  if (mode != "http" && mode != "redis") {
    std::fputs("usage: bench_floor FILE http|redis\n", stderr);
    return 2;
  }
  const int fd = open(arguments[1], O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (fd < 0 || fstat(fd, &status) != 0) {
    std::perror(arguments[1]);
    return 1;
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (map == MAP_FAILED) {
    std::perror(arguments[1]);
    return 1;
  }
  Floor floor(mode == "http");
  walk(floor, static_cast<std::uint8_t*>(map), size);
  const Totals& totals = floor.totals();
  std::printf("packets %lu requests %lu pairs %lu checksum %lu\n", totals.packets, totals.requests,
              totals.pairs, totals.checksum);
  return 0;
}
