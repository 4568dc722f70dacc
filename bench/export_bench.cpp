// export_bench [SERIES]: what a round of many series costs, for remote write and as a /metrics
// page, beside protobuf's classes and prometheus-cpp. Processor time of one thread, medians of nine
// rounds in turns; memory is the peak over the input, each in a process of its own. Exit code 1: a
// goal was missed, or what was written differs from what protobuf writes.
#include <data/remote_write.pb.h>
#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <snappy.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "metrics/series_set.h"
#include "output/dropin/xtrace_series.h"
#include "output/push_round.h"

namespace {

constexpr int kRounds = 9;
constexpr weir::Nanos kTime = 1'700'000'000'123 * weir::kMillisecond;
constexpr const char* kName = "xtrace_network_bytes_total";

struct Input {
  std::vector<std::pair<std::string, std::string>> labels;  // in order
  double value;
};

// Nine labels each, as the drop-in for XTrace-Catch has them.
std::vector<Input> make_input(std::size_t count) {
  std::vector<Input> input(count);
  for (std::size_t i = 0; i < count; ++i) {
    input[i].value = static_cast<double>(i * 1234 + 7);
    input[i].labels = {{"collect_agg", "default"},
                       {"dst_ip", fmt::format("172.16.{}.{}", (i >> 4U) & 255U, i % 251)},
                       {"dst_port", i % 2 != 0 ? "443" : "5432"},
                       {"host_ip", "192.168.17.42"},
                       {"interface", "eth0"},
                       {"protocol", i % 3 != 0 ? "6" : "17"},
                       {"src_ip", fmt::format("10.{}.{}.{}", i % 7, (i >> 8U) & 255U, i & 255U)},
                       {"src_port", std::to_string(32768 + i % 28000)},
                       {"traffic_type", i % 3 != 0 ? "TCP" : "UDP"}};
  }
  return input;
}

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

struct FilledSet {
  weir::SeriesSet set;
  std::vector<weir::SeriesSet::Handle> handles;

  FilledSet(weir::SeriesSet::Form form, const std::vector<Input>& input) : set(form) {
    const auto family = set.family(kName, "counter", "Total network traffic in bytes");
    std::vector<weir::SeriesLabel> labels;
    for (const Input& series : input) {
      labels.clear();
      for (const auto& [name, value] : series.labels) labels.push_back({name, value});
      handles.push_back(*set.add(family, labels));
    }
  }
  void write(const std::vector<Input>& input) {
    for (std::size_t i = 0; i < input.size(); ++i) set.set(handles[i], input[i].value);
  }
};

std::string protobuf_bytes(const std::vector<Input>& input) {
  google::protobuf::Arena arena;
  auto& request = *google::protobuf::Arena::CreateMessage<remote_write_test::WriteRequest>(&arena);
  for (const Input& series : input) {
    auto* message = request.add_timeseries();
    auto* label = message->add_labels();
    label->set_name("__name__");
    label->set_value(kName);
    for (const auto& [name, value] : series.labels) {
      label = message->add_labels();
      label->set_name(name);
      label->set_value(value);
    }
    auto* sample = message->add_samples();
    sample->set_value(series.value);
    sample->set_timestamp(kTime / weir::kMillisecond);
  }
  std::string bytes;
  request.SerializeToString(&bytes);
  return bytes;
}

struct PrometheusRegistry {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();

  explicit PrometheusRegistry(const std::vector<Input>& input) {
    auto& family = prometheus::BuildCounter()
                       .Name(kName)
                       .Help("Total network traffic in bytes")
                       .Register(*registry);
    for (const Input& series : input) {
      family.Add(prometheus::Labels(series.labels.begin(), series.labels.end()))
          .Increment(series.value);
    }
  }
  std::string page() const { return prometheus::TextSerializer().Serialize(registry->Collect()); }
};

// Flows enough for about `count` series of the drop-in's: six of each, two of each pair.
std::vector<weir::FlowSample> make_flows(std::size_t count) {
  std::vector<weir::FlowSample> flows(count / 8);
  for (std::size_t i = 0; i < flows.size(); ++i) {
    const auto byte = [i](unsigned shift) { return static_cast<std::uint8_t>(i >> shift); };
    const std::uint8_t source[] = {10, byte(16), byte(8), byte(0)}, destination[] = {172, 16, 0, 1};
    weir::FlowSample& flow = flows[i];
    flow.interval_ns = weir::kSecond;
    flow.interface_index = 2;
    flow.interface = "eth0";
    flow.type = weir::TrafficType::kTcp;
    flow.protocol = 6;
    flow.addresses = weir::FlowAddresses::kIpv4;
    flow.source = {weir::IpAddress::v4(source), 443};
    flow.destination = {weir::IpAddress::v4(destination), 50000};
    flow.total.wire_packets = 1000;
    flow.in_interval.wire_packets = 1 + i % 10;
    flow.in_interval.wire_bytes = 64 + i % 1400;
  }
  return flows;
}

struct Row {
  const char* name;
  std::function<std::size_t()> round;  // bytes that came out
  std::vector<double> seconds{};
  std::size_t bytes = 0;

  double median() {
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
  }
};

// KiB at its peak over what the input takes, of `work` in a process of its own; 0: it failed.
long peak_over_input(std::size_t count,
                     const std::function<void(const std::vector<Input>&)>& work) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    const std::vector<Input> input = make_input(count);
    std::size_t size = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> size >> resident;
    work(input);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const long peak =
        usage.ru_maxrss - static_cast<long>(resident) * (sysconf(_SC_PAGESIZE) / 1024);
    const bool written = write(pipe_ends[1], &peak, sizeof peak) == sizeof peak;
    _exit(written ? 0 : 1);
  }
  close(pipe_ends[1]);
  long peak = 0;
  if (read(pipe_ends[0], &peak, sizeof peak) != sizeof peak) peak = 0;
  close(pipe_ends[0]);
  waitpid(child, nullptr, 0);
  return peak;
}

bool goal(const char* what, double value, bool at_least, double wanted, const char* unit) {
  const bool met = at_least ? value >= wanted : value <= wanted;
  std::printf("%-66s %8.2f %s (%s %.2f)%s\n", what, value, unit, at_least ? ">=" : "<=", wanted,
              met ? "" : " MISSED");
  return met;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
  if (count == 0) return 2;
  // Before anything else takes memory.
  const long page_peak = peak_over_input(count, [](const std::vector<Input>& input) {
    FilledSet text(weir::SeriesSet::Form::kText, input);
    for (int i = 0; i < 3; ++i) {
      text.write(input);
      std::string page;
      text.set.append_page(page);
    }
  });
  const long write_peak = peak_over_input(count, [](const std::vector<Input>& input) {
    FilledSet remote(weir::SeriesSet::Form::kRemoteWrite, input);
    for (int i = 0; i < 3; ++i) {
      remote.write(input);
      remote.set.encode_round(kTime, [](std::string_view, std::size_t) {});
    }
  });
  const long prometheus_peak = peak_over_input(count, [](const std::vector<Input>& input) {
    const PrometheusRegistry registry(input);
    for (int i = 0; i < 3; ++i) registry.page();
  });

  const std::vector<Input> input = make_input(count);
  FilledSet text(weir::SeriesSet::Form::kText, input);
  FilledSet remote(weir::SeriesSet::Form::kRemoteWrite, input);
  const PrometheusRegistry registry(input);
  const std::string reference = protobuf_bytes(input);
  std::string copy(reference.size(), '\0');
  const auto encoded = [](FilledSet& filled, bool compress) {
    std::size_t bytes = 0;
    filled.set.encode_round(kTime, [&](std::string_view body, std::size_t) {
      bytes += compress ? weir::gzip(body).size() : body.size();
    });
    return bytes;
  };
  const std::vector<weir::FlowSample> flows = make_flows(count);
  std::size_t flow_bytes = 0;
  weir::XtraceSeries xtrace(
      {.host_ip = [](std::uint32_t) -> std::string_view { return "10.0.0.1"; }},
      weir::SeriesSet::Form::kRemoteWrite, [&](weir::SeriesSet& set, weir::Nanos time) {
        set.encode_round(time,
                         [&](std::string_view body, std::size_t) { flow_bytes += body.size(); });
      });
  weir::Nanos flow_time = kTime;
  Row rows[] = {
      {"remote write: series set, values and encode + snappy",
       [&] {
         remote.write(input);
         return encoded(remote, false);
       }},
      {"remote write: protobuf on an arena + snappy",
       [&] {
         const std::string bytes = protobuf_bytes(input);
         std::string body;
         return snappy::Compress(bytes.data(), bytes.size(), &body);
       }},
      {"remote write: copying what was encoded (floor)",
       [&] {
         std::memcpy(copy.data(), reference.data(), reference.size());
         return copy.size();
       }},
      {"page: series set, values and text",
       [&] {
         text.write(input);
         std::string page;
         text.set.append_page(page);
         return page.size();
       }},
      {"page: prometheus-cpp, collect and serialize", [&] { return registry.page().size(); }},
      {"text import: series set, values and lines",
       [&] {
         text.write(input);
         return encoded(text, false);
       }},
      {"text import: the same with gzip",
       [&] {
         text.write(input);
         return encoded(text, true);
       }},
      {"remote write of flows: XtraceSeries, samples to compressed bodies",
       [&] {
         flow_bytes = 0;
         xtrace.begin_round(flow_time += weir::kSecond);
         for (const weir::FlowSample& flow : flows) xtrace.on(flow);
         xtrace.end_round();
         return flow_bytes;
       }},
  };
  for (int round = 0; round < kRounds; ++round) {
    for (Row& row : rows) {
      const double begin = cpu_seconds();
      row.bytes = row.round();
      row.seconds.push_back(cpu_seconds() - begin);
    }
  }
  std::printf("%zu series of %zu labels\n%-66s %8s %10s %10s\n", count, input[0].labels.size(), "",
              "ns/series", "M series/s", "bytes");
  for (Row& row : rows) {
    const double per_series = row.median() / static_cast<double>(count);
    std::printf("%-66s %8.0f %10.2f %10zu\n", row.name, per_series * 1e9, 1e-6 / per_series,
                row.bytes);
  }
  std::string together;
  remote.set.encode_round(kTime, [&](std::string_view body, std::size_t) {
    std::string raw;
    snappy::Uncompress(body.data(), body.size(), &raw);
    together += raw;
  });
  const bool same = together == reference;
  std::printf("bytes are those of protobuf: %s\n", same ? "yes" : "NO");
  const auto millions = [&](std::size_t row) {
    return static_cast<double>(count) / rows[row].median() / 1e6;
  };
  const auto mebibytes = [](long kib) { return static_cast<double>(kib) / 1024; };
  bool met = same;
  met &= goal("remote write", millions(0), true, 4, "M series/s");
  met &=
      goal("remote write, as fast as protobuf", rows[1].median() / rows[0].median(), true, 8, "x");
  met &= goal("page", millions(3), true, 6, "M series/s");
  met &=
      goal("page, as fast as prometheus-cpp", rows[4].median() / rows[3].median(), true, 25, "x");
  met &= goal("page, peak memory over the input", mebibytes(page_peak), false,
              mebibytes(prometheus_peak) / 4, "MiB, of prometheus-cpp's a quarter");
  met &= goal("remote write, peak memory over the input", mebibytes(write_peak), false,
              mebibytes(prometheus_peak) / 4, "MiB, of prometheus-cpp's a quarter");
  return met ? 0 : 1;
}
