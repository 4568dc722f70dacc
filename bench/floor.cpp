// bench_floor FILE STAGE [ROUNDS]: the least work that reads a pcap file of TCP and UDP over IPv4
// over Ethernet, stage by stage, each on top of the one before: libpcap (reads only, with that
// library), walk (record headers), parse (packet headers), flow (a table of connections), lines
// (searches all payload for line ends), http, redis, postgresql (finds message ends and pairs first
// in first out). No reordering, no gaps, no fields, no checks: it is not a product and trusts its
// input. What weir costs beyond it is what the truth costs.
//
// Prints one line: the median of the rounds' CPU seconds, and what it counted. A round is timed
// from open to close with a mapping of its own, page faults included; the table is emptied before
// it.
#include <fcntl.h>
#include <pcap/pcap.h>
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
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::array<std::string_view, 8> kStages = {"libpcap", "walk", "parse", "flow",
                                                     "lines",   "http", "redis", "postgresql"};
enum class Stage : std::uint8_t {
  kLibpcap,
  kWalk,
  kParse,
  kFlow,
  kLines,
  kHttp,
  kRedis,
  kPostgresql
};

constexpr std::uint32_t kFirstClientPort = 10'000;  // servers listen below it

struct Direction {
  std::string unfinished;  // bytes that the decoder could not use yet
  std::uint64_t body = 0;  // still to be passed over
  bool told = false;       // PostgreSQL: something since the last Sync or ReadyForQuery
  bool begun = false;      // PostgreSQL: it has said something
};

struct Connection {
  std::uint64_t addresses = 0;  // client's, server's
  std::uint32_t ports = 0;
  bool used = false;
  Direction asked, answered;
  std::uint64_t packets = 0, bytes = 0;
  std::vector<std::uint64_t> open;  // when the requests without an answer came; a queue from `next`
  std::size_t next = 0;
};

struct Totals {
  std::uint64_t packets = 0, bytes = 0, requests = 0, pairs = 0, checksum = 0;
  std::array<std::uint64_t, 64> durations{};  // by power of two
};

struct Segment {
  std::uint32_t source, destination, from, to;
  std::string_view payload;
};

std::uint32_t be16(const std::uint8_t* p) { return static_cast<std::uint32_t>(p[0] << 8 | p[1]); }

const char* line_end(const char* at, const char* end) {
  return static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
}

class Floor {
 public:
  explicit Floor(Stage stage) : stage_(stage), table_(1u << 17) {}

  // False when the file cannot be read.
  bool read(const char* path);
  const Totals& totals() const { return totals_; }
  void forget();

 private:
  bool read_with_libpcap(const char* path);
  void walk(const std::uint8_t* map, std::size_t size);
  void frame(std::uint64_t micros, const std::uint8_t* data, std::uint32_t size);
  void deliver(const Segment& segment, std::uint64_t now);
  Connection& find(std::uint64_t addresses, std::uint32_t ports);
  std::size_t decode(Connection& connection, bool asks, std::string_view bytes, std::uint64_t now);
  std::size_t http(Connection& connection, bool asks, std::string_view bytes, std::uint64_t now);
  std::size_t redis(Connection& connection, bool asks, std::string_view bytes, std::uint64_t now);
  std::size_t postgresql(Connection& connection, bool asks, std::string_view bytes,
                         std::uint64_t now);
  void message(Connection& connection, bool asks, std::uint64_t now);

  Stage stage_;
  std::vector<Connection> table_;  // open addressing, never full: the recordings have some 10 000
  Totals totals_;
};

void Floor::forget() {
  for (Connection& entry : table_) {
    if (entry.used) entry = Connection();
  }
  totals_ = Totals();
}

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
  const char* const last = bytes.data() + bytes.size();
  const char* at = bytes.data();
  while (at < last) {
    const char* end = at;
    for (long elements = 1; elements > 0; --elements) {
      const char* line = end < last ? line_end(end, last) : nullptr;
      if (line == nullptr) return static_cast<std::size_t>(at - bytes.data());
      const char type = *end;
      const long number = type == '*' || type == '$' ? std::strtol(end + 1, nullptr, 10) : 0;
      end = line + 1;
      if (type == '*') elements += number;
      if (type == '$' && number >= 0) end += number + 2;
      if (end > last) return static_cast<std::size_t>(at - bytes.data());
      totals_.checksum += static_cast<std::uint64_t>(number);
    }
    at = end;
    message(c, asks, now);
  }
  return bytes.size();
}

// A request is a Query, an Execute, a Sync without one, or what begins the connection.
std::size_t Floor::postgresql(Connection& c, bool asks, std::string_view bytes, std::uint64_t now) {
  Direction& way = asks ? c.asked : c.answered;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (way.body > 0) {
      const std::size_t skipped = std::min<std::uint64_t>(way.body, bytes.size() - at);
      way.body -= skipped;
      at += skipped;
      continue;
    }
    if (!std::exchange(way.begun, true) && bytes[at] == 'N') {  // no encryption
      message(c, asks, now);
      ++at;
      continue;
    }
    const bool typed = bytes[at] != 0;
    const std::size_t head = typed ? 5 : 4;
    if (bytes.size() - at < head) return at;
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data() + at + head - 4, 4);
    const char type = bytes[at];
    way.body = __builtin_bswap32(length) - 4;
    at += head;
    totals_.checksum += way.body;
    const char ends = asks ? 'S' : 'Z';
    const bool tells = asks ? type == 'Q' || type == 'E' || !typed : type == 'C' || type == 'E';
    if (tells || (type == ends && !way.told)) message(c, asks, now);
    way.told = tells && (!asks || type == 'E');
  }
  return at;
}

std::size_t Floor::decode(Connection& c, bool asks, std::string_view bytes, std::uint64_t now) {
  if (stage_ == Stage::kHttp) return http(c, asks, bytes, now);
  return stage_ == Stage::kRedis ? redis(c, asks, bytes, now) : postgresql(c, asks, bytes, now);
}

void Floor::deliver(const Segment& segment, std::uint64_t now) {
  const bool asks = segment.to < kFirstClientPort;
  const auto both = [](std::uint64_t client, std::uint32_t server) {
    return client << 32 | server;
  };
  Connection& c =
      asks ? find(both(segment.source, segment.destination), segment.from << 16 | segment.to)
           : find(both(segment.destination, segment.source), segment.to << 16 | segment.from);
  ++c.packets;
  c.bytes += segment.payload.size();
  if (stage_ == Stage::kFlow || segment.payload.empty()) return;
  if (stage_ == Stage::kLines) {
    const char* at = segment.payload.data();
    const char* const end = at + segment.payload.size();
    while ((at = line_end(at, end)) != nullptr) ++totals_.checksum, ++at;
    return;
  }
  std::string& unfinished = (asks ? c.asked : c.answered).unfinished;
  if (unfinished.empty()) {
    const std::size_t used = decode(c, asks, segment.payload, now);
    if (used < segment.payload.size()) unfinished = segment.payload.substr(used);
    return;
  }
  unfinished += segment.payload;
  unfinished.erase(0, decode(c, asks, unfinished, now));
}

void Floor::frame(std::uint64_t now, const std::uint8_t* data, std::uint32_t size) {
  constexpr std::uint8_t kTcp = 6, kUdp = 17;
  if (size < 42 || be16(data + 12) != 0x0800) return;
  if (data[23] != kUdp && (data[23] != kTcp || size < 54)) return;
  const std::uint32_t ip_header = (data[14] & 15u) * 4;
  const std::uint8_t* tcp = data + 14 + ip_header;
  const std::uint32_t headers = ip_header + (data[23] == kUdp ? 8 : (tcp[12] >> 4) * 4u);
  const std::uint32_t length = std::min(be16(data + 16) - headers, size - 14 - headers);
  Segment segment{
      .source = 0, .destination = 0, .from = be16(tcp), .to = be16(tcp + 2), .payload = {}};
  std::memcpy(&segment.source, data + 26, 4);
  std::memcpy(&segment.destination, data + 30, 4);
  segment.payload = {reinterpret_cast<const char*>(tcp + headers - ip_header), length};
  totals_.checksum += segment.source ^ segment.destination ^ segment.from ^ segment.to ^ length;
  if (stage_ != Stage::kParse) deliver(segment, now);
}

void Floor::walk(const std::uint8_t* map, std::size_t size) {
  for (std::size_t at = 24; at + 16 <= size;) {
    std::array<std::uint32_t, 4> header;  // seconds, microseconds, captured, on the wire
    std::memcpy(header.data(), map + at, 16);
    if (at + 16 + header[2] > size) break;
    ++totals_.packets;
    totals_.bytes += header[2];
    if (stage_ != Stage::kWalk) {
      frame(std::uint64_t{header[0]} * 1'000'000 + header[1], map + at + 16, header[2]);
    }
    at += 16 + header[2];
  }
}

bool Floor::read_with_libpcap(const char* path) {
  std::array<char, PCAP_ERRBUF_SIZE> problem{};
  pcap_t* file = pcap_open_offline(path, problem.data());
  if (file == nullptr) return false;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  while (pcap_next_ex(file, &header, &data) == 1) {
    ++totals_.packets;
    totals_.bytes += header->caplen;
  }
  pcap_close(file);
  return true;
}

bool Floor::read(const char* path) {
  if (stage_ == Stage::kLibpcap) return read_with_libpcap(path);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (fd < 0 || fstat(fd, &status) != 0) return false;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* map = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (map == MAP_FAILED) return false;
  madvise(map, size, MADV_SEQUENTIAL);
  walk(static_cast<const std::uint8_t*>(map), size);
  munmap(map, size);
  return true;
}

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

int main(int count, char** arguments) {
  const auto* stage = count < 3 ? kStages.end() : std::ranges::find(kStages, arguments[2]);
  const int rounds = count == 4 ? std::atoi(arguments[3]) : 5;
  if (stage == kStages.end() || count > 4 || rounds < 1) {
    std::fputs(
        "usage: bench_floor FILE libpcap|walk|parse|flow|lines|http|redis|postgresql [ROUNDS]\n",
        stderr);
    return 2;
  }
  Floor floor(static_cast<Stage>(stage - kStages.begin()));
  std::vector<double> seconds;
  for (int round = 0; round < rounds; ++round) {
    floor.forget();
    const double before = cpu_seconds();
    if (!floor.read(arguments[1])) {
      std::perror(arguments[1]);
      return 1;
    }
    seconds.push_back(cpu_seconds() - before);
  }
  std::ranges::sort(seconds);
  const double median = seconds[seconds.size() / 2];
  const Totals& totals = floor.totals();
  std::printf(
      "seconds %.6f packets %lu bytes %lu requests %lu pairs %lu ns/packet %.1f checksum %lu\n",
      median, totals.packets, totals.bytes, totals.requests, totals.pairs,
      median * 1e9 / static_cast<double>(std::max<std::uint64_t>(totals.packets, 1)),
      totals.checksum);
  return 0;
}
