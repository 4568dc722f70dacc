#include "agent/interfaces_run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>

#include "agent/control_loop.h"
#include "agent/http_server.h"
#include "agent/metrics_pages.h"
#include "agent/signals.h"
#include "kernel/device_statistics.h"
#include "lens/interfaces.h"
#include "metrics/device_metrics.h"
#include "metrics/interface_metrics.h"
#include "metrics/self_metrics.h"
#include "output/dropin/netprobe.h"
#include "output/interface_table.h"
#include "output/json_lines.h"
#include "output/terminal.h"

namespace weir {
namespace {

constexpr Nanos kFirstInterval = kSecond;
// How long the end waits for a reader of the output that does not read.
constexpr std::chrono::milliseconds kPatience{500};

// What cannot be read is absent.
void add_statistics(std::vector<InterfaceSample>& samples) {
  std::map<std::uint32_t, InterfaceSample*> by_index;
  for (InterfaceSample& sample : samples) by_index[sample.index] = &sample;
  if (const auto devices = read_device_statistics()) {
    for (const DeviceStatistics& device : *devices) {
      if (by_index.contains(device.index)) by_index[device.index]->device = device;
    }
  }
  const auto qdiscs = read_qdisc_statistics();
  if (!qdiscs) return;
  for (InterfaceSample& sample : samples) sample.queue_dropped = 0;
  for (const QdiscStatistics& qdisc : *qdiscs) {
    // What a queue within another drops, the outer one has counted too.
    const bool outermost = qdisc.parent == "root" && by_index.contains(qdisc.interface_index);
    if (outermost) by_index[qdisc.interface_index]->queue_dropped = qdisc.dropped;
  }
}

// What the kernel and drivers count beside it, of the interfaces in `samples`.
DeviceReadings read_devices(const std::vector<InterfaceSample>& samples) {
  DeviceReadings readings;
  readings.devices = read_device_statistics().value_or(std::vector<DeviceStatistics>());
  std::erase_if(readings.devices, [&](const DeviceStatistics& device) {
    return std::none_of(samples.begin(), samples.end(), [&](const InterfaceSample& sample) {
      return sample.index == device.index;
    });
  });
  readings.qdiscs = read_qdisc_statistics().value_or(std::vector<QdiscStatistics>());
  readings.pauses = read_pause_counters(readings.devices).value_or(std::vector<PauseCounters>());
  readings.rdma_ports = read_rdma_ports();
  return readings;
}

class InterfacesRun {
 public:
  explicit InterfacesRun(const InterfacesSettings& settings) : settings_(settings) {}

  Result<> run();

 private:
  void prepare_outputs();
  void control(int signals);
  // Ends an interval and writes its samples; true when as many as were asked for are written.
  bool write_samples();
  // The counts of now, of the interfaces that are to be shown.
  std::vector<InterfaceSample> samples() const;
  // The /metrics page, with the counts of now.
  std::string page() const;
  void write_table(const std::vector<InterfaceSample>& samples);

  const InterfacesSettings& settings_;
  std::unique_ptr<Interfaces> lens_;
  std::optional<RecordQueue> queue_;
  std::optional<JsonLines> json_;
  std::optional<RecordQueue::Lines> table_;
  InterfaceTable interface_table_;
  std::optional<Terminal> terminal_;
  std::optional<HttpServer> server_;  // asks for page(): ends before what that reads
  std::atomic<std::uint64_t> collections_{0};
  std::atomic<Nanos> last_collection_{0};
  std::uint64_t written_ = 0;
};

void InterfacesRun::prepare_outputs() {
  if (settings_.output == OutputFormat::kNone) return;
  RecordQueue::Settings queue;
  terminal_.emplace(queue.fd);
  queue_.emplace(std::move(queue));
  if (settings_.output == OutputFormat::kJson) {
    json_.emplace(queue_->lines());
  } else {
    table_.emplace(queue_->lines());
  }
}

void InterfacesRun::write_table(const std::vector<InterfaceSample>& samples) {
  terminal_->append(table_->text(), interface_table_.render(samples, terminal_->room()));
  table_->end_line(wall_clock_now());
  table_->flush();
}

std::vector<InterfaceSample> InterfacesRun::samples() const {
  std::vector<InterfaceSample> samples = lens_->samples();
  if (settings_.active_only) {
    std::erase_if(samples, [](const InterfaceSample& sample) { return !sample.ever_active; });
  }
  return samples;
}

std::string InterfacesRun::page() const {
  NetprobeReadings readings;
  readings.interfaces = samples();
  readings.collections = collections_.load(std::memory_order_relaxed);
  readings.last_collection = last_collection_.load(std::memory_order_relaxed);
  std::string out;
  append_netprobe_families(out, readings, settings_.active_only);
  MetricPage page(out);
  add_interface_metrics(page, readings.interfaces, lens_->uncounted());
  add_device_metrics(page, read_devices(readings.interfaces));
  LedgerTotals ledger;
  if (queue_) queue_->add_to(ledger);
  constexpr Stage kStage[] = {Stage::kQueue};
  add_ledger(page, ledger, kStage);
  add_lens_up(page, "interfaces", true);
  add_self_metrics(page, WEIR_VERSION);
  return out;
}

bool InterfacesRun::write_samples() {
  lens_->tick();
  last_collection_.store(wall_clock_now(), std::memory_order_relaxed);
  collections_.fetch_add(1, std::memory_order_relaxed);
  if (queue_) {
    std::vector<InterfaceSample> shown = samples();
    add_statistics(shown);
    if (table_) write_table(shown);
    if (json_) {
      for (const InterfaceSample& sample : shown) json_->on(sample);
      json_->flush();
    }
  }
  return settings_.count > 0 && ++written_ >= settings_.count;
}

void InterfacesRun::control(int signals) {
  ControlLoop loop(signals, &lens_->follower());
  loop.when_attached([] { std::fputs("ready\n", stderr); });
  loop.every(std::min(settings_.interval, kFirstInterval), settings_.interval,
             [this] { return (queue_ && queue_->stopped()) || write_samples(); });
  loop.end_after(settings_.duration);
  loop.run();
  // What has come since the last ones.
  const bool enough = settings_.count > 0 && written_ >= settings_.count;
  if (!enough && !(queue_ && queue_->stopped())) write_samples();
}

Result<> InterfacesRun::run() {
  Result<Fd> signals = catch_signals();
  if (!signals) return tl::unexpected<Error>(signals.error());
  auto lens = Interfaces::open({settings_.interfaces, true, settings_.attach});
  if (!lens) return tl::unexpected<Error>(lens.error());
  lens_ = std::move(*lens);
  prepare_outputs();
  if (table_) {
    std::vector<InterfaceSample> first = lens_->samples();
    add_statistics(first);
    interface_table_.begin(first);
  }
  if (auto served = serve_metrics(settings_.listen, [this] { return page(); }, server_); !served) {
    return served;
  }
  control(signals->get());
  server_.reset();
  lens_.reset();
  return queue_ ? queue_->finish(kPatience) : Result<>();
}

}  // namespace

Result<> run_interfaces(const InterfacesSettings& settings) {
  return InterfacesRun(settings).run();
}

}  // namespace weir
