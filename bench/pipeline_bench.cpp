// What a frame, a round trip and a line of output cost by themselves, and what they allocate. The
// frames are built once; each iteration moves them on in time and in the stream. `allocations` is
// per iteration, in the steady state, and one that is not 0 is an error; `warm_up` is what came
// before it in all.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "lens/requests.h"
#include "metrics/requests_metrics.h"
#include "packet/dissector.h"
#include "record/json.h"
#include "unit/packet/packet_builder.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

// new[] and the nothrow forms come here by default.
[[gnu::noinline]] void* operator new(std::size_t size) {
  return counted(size, alignof(std::max_align_t));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace weir {
namespace {

using build::operator+;

constexpr std::uint8_t kAck = 16;
constexpr int kWarmUp = 10'000;  // items, and at least 16 of each connection

constexpr std::string_view kHttpRequest =
    "GET /api/items/40213?page=2 HTTP/1.1\r\nHost: shop.example:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: application/json, text/plain, */*\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark\r\n\r\n";
constexpr std::string_view kHttpResponse =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 02 Jun 2025 10:00:00 GMT\r\n"
    "Content-Type: application/json\r\nContent-Length: 27\r\nConnection: keep-alive\r\n\r\n"
    "{\"id\":40213,\"name\":\"kettle\"}";
constexpr std::string_view kRedisRequest =
    "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000040213\r\n$24\r\nabcdefghijklmnopqrstuvwx\r\n";
constexpr std::string_view kRedisResponse = "+OK\r\n";

// www.shop.example A, answered with one address.
build::Wire dns_message(bool answer) {
  build::Wire out = answer ? build::words({0x00008180, 0x00010001, 0x00000000})
                           : build::words({0x00000100, 0x00010000, 0x00000000});
  out = std::move(out) + build::text("\3www\4shop\7example");
  out.push_back(0);
  out = std::move(out) + build::words({0x00010001});
  if (answer) {
    out = std::move(out) + build::words({0xc00c0001, 0x00010000, 0x012c0004, 0x0a010203});
  }
  return out;
}

void store_be32(std::uint8_t* out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

// What one client and one server say, again and again.
class Talk {
 public:
  Talk(Transport transport, std::uint16_t client, std::uint16_t server, const build::Wire& asked,
       const build::Wire& answered)
      : tcp_(transport == Transport::kTcp),
        asked_(wire(client, server, 1, 2, asked)),
        answered_(wire(server, client, 2, 1, answered)),
        asked_bytes_(static_cast<std::uint32_t>(asked.size())),
        answered_bytes_(static_cast<std::uint32_t>(answered.size())) {}

  void round_trip(RequestsLens& lens, Nanos& now) {
    if (tcp_) {
      number(asked_, client_sequence_, server_sequence_);
      client_sequence_ += asked_bytes_;
      number(answered_, server_sequence_, client_sequence_);
      server_sequence_ += answered_bytes_;
    } else {
      ++id_;
      for (build::Wire* datagram : {&asked_, &answered_}) {
        (*datagram)[kUdpPayload] = static_cast<std::uint8_t>(id_ >> 8);
        (*datagram)[kUdpPayload + 1] = static_cast<std::uint8_t>(id_);
      }
    }
    lens.on(build::frame(asked_, {.time = now += 20 * kMicrosecond}));
    lens.on(build::frame(answered_, {.time = now += 20 * kMicrosecond}));
  }

 private:
  static constexpr std::size_t kTransportHeader = 14 + 20;
  static constexpr std::size_t kUdpPayload = kTransportHeader + 8;

  build::Wire wire(std::uint16_t from, std::uint16_t to, std::uint8_t source,
                   std::uint8_t destination, const build::Wire& payload) const {
    const build::Wire segment =
        tcp_ ? build::tcp(
                   {.source_port = from, .destination_port = to, .flags = kAck, .payload = payload})
             : build::udp({.source_port = from, .destination_port = to, .payload = payload});
    return build::ethernet(
        {.payload = build::ipv4({.protocol = tcp_ ? std::uint8_t{6} : std::uint8_t{17},
                                 .source_host = source,
                                 .destination_host = destination,
                                 .payload = segment})});
  }
  static void number(build::Wire& segment, std::uint32_t sequence, std::uint32_t acknowledgment) {
    store_be32(&segment[kTransportHeader + 4], sequence);
    store_be32(&segment[kTransportHeader + 8], acknowledgment);
  }

  bool tcp_;
  build::Wire asked_, answered_;
  std::uint32_t asked_bytes_, answered_bytes_;
  std::uint32_t client_sequence_ = 1000, server_sequence_ = 2000;
  std::uint16_t id_ = 0;
};

// Keeps what RequestsMetrics and the JSON form need of the last record, and counts all.
class LastRecord final : public RecordSink {
 public:
  void on(const RoundTrip& trip) noexcept override {
    ++count;
    if (!keep) return;
    copy(*trip.request_fields, request);
    copy(*trip.response_fields, response);
    record = trip;
    record.request_fields = &request;
    record.response_fields = &response;
  }
  std::uint64_t count = 0;
  bool keep = false;
  RoundTrip record;
  FieldList request, response;

 private:
  static void copy(const FieldList& from, FieldList& to) {
    to.clear();
    for (std::size_t i = 0; i < from.size(); ++i) to.add(from[i]);
  }
};

enum class Kind { kHttp, kRedis, kDns };

std::vector<Talk> talks(Kind kind, int connections) {
  std::vector<Talk> out;
  for (int i = 0; i < connections; ++i) {
    const auto port = static_cast<std::uint16_t>(20'000 + i);
    if (kind == Kind::kHttp) {
      out.emplace_back(Transport::kTcp, port, std::uint16_t{8080}, build::text(kHttpRequest),
                       build::text(kHttpResponse));
    } else if (kind == Kind::kRedis) {
      out.emplace_back(Transport::kTcp, port, std::uint16_t{6379}, build::text(kRedisRequest),
                       build::text(kRedisResponse));
    } else {
      out.emplace_back(Transport::kUdp, port, std::uint16_t{53}, dns_message(false),
                       dns_message(true));
    }
  }
  return out;
}

bool failed = false;

void fail(benchmark::State& state, const char* why) {
  state.SkipWithError(why);
  failed = true;
}

// An iteration is an item; `allocated` is what all of them took.
void report(benchmark::State& state, std::uint64_t allocated) {
  if (allocated != 0) fail(state, "allocates in the steady state");
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["allocations"] =
      static_cast<double>(allocated) / static_cast<double>(state.iterations());
}

void dissect(benchmark::State& state) {
  const build::Wire wire = build::ethernet(
      {.payload = build::ipv4(
           {.payload = build::tcp({.flags = kAck, .payload = build::text(kHttpRequest)})})});
  Dissector dissector;
  const Frame frame = build::frame(wire);
  Packet packet;
  const std::uint64_t before = allocations;
  for (auto _ : state) {
    benchmark::DoNotOptimize(dissector.dissect(frame, packet));
    benchmark::DoNotOptimize(packet);
  }
  report(state, allocations - before);
}

// Range 0: connections that take turns.
void lens(benchmark::State& state, Kind kind) {
  std::vector<Talk> all = talks(kind, static_cast<int>(state.range(0)));
  const std::uint64_t begin = allocations;
  auto counters = std::make_unique<RequestsCounters>();
  LastRecord sink;
  RequestsLens requests({}, *counters, sink);
  Nanos now = 1'700'000'000 * kSecond;
  std::size_t next = 0;
  std::uint64_t asked = 0;
  const auto one = [&] {
    all[next].round_trip(requests, now);
    if (++next == all.size()) next = 0;
    ++asked;
  };
  for (std::size_t i = 0; i < std::max<std::size_t>(kWarmUp, 16 * all.size()); ++i) one();
  const std::uint64_t before = allocations;
  for (auto _ : state) one();
  report(state, allocations - before);
  state.counters["warm_up"] = static_cast<double>(before - begin);
  requests.finish();
  if (sink.count != asked) fail(state, "not every round trip became a record");
}

// A record as the lens gives it.
std::unique_ptr<LastRecord> record_of(Kind kind) {
  auto sink = std::make_unique<LastRecord>();
  sink->keep = true;
  auto counters = std::make_unique<RequestsCounters>();
  RequestsLens requests({}, *counters, *sink);
  Nanos now = 1'700'000'000 * kSecond;
  talks(kind, 1)[0].round_trip(requests, now);
  requests.finish();
  return sink;
}

void json(benchmark::State& state, Kind kind) {
  const std::unique_ptr<LastRecord> kept = record_of(kind);
  std::string line;
  append_json(line, kept->record);
  const std::uint64_t before = allocations;
  for (auto _ : state) {
    line.clear();
    append_json(line, kept->record);
    benchmark::DoNotOptimize(line.data());
  }
  report(state, allocations - before);
  state.counters["bytes"] = static_cast<double>(line.size());
}

void metrics(benchmark::State& state, Kind kind) {
  const std::unique_ptr<LastRecord> kept = record_of(kind);
  RequestsMetrics shard;
  shard.on(kept->record);
  const std::uint64_t before = allocations;
  for (auto _ : state) shard.on(kept->record);
  report(state, allocations - before);
}

BENCHMARK(dissect);
BENCHMARK_CAPTURE(lens, http, Kind::kHttp)->Arg(1)->Arg(1000)->Arg(20'000);
BENCHMARK_CAPTURE(lens, redis, Kind::kRedis)->Arg(1)->Arg(1000);
BENCHMARK_CAPTURE(lens, dns, Kind::kDns)->Arg(1)->Arg(1000);
BENCHMARK_CAPTURE(metrics, http, Kind::kHttp);
BENCHMARK_CAPTURE(metrics, redis, Kind::kRedis);
BENCHMARK_CAPTURE(json, http, Kind::kHttp);
BENCHMARK_CAPTURE(json, redis, Kind::kRedis);
BENCHMARK_CAPTURE(json, dns, Kind::kDns);

}  // namespace
}  // namespace weir

int main(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return weir::failed ? 1 : 0;
}
