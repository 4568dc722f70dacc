#include "agent/flows_run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "agent/control_loop.h"
#include "agent/http_server.h"
#include "agent/metrics_pages.h"
#include "agent/signals.h"
#include "base/log.h"
#include "kernel/host_address.h"
#include "metrics/flow_metrics.h"
#include "metrics/self_metrics.h"
#include "output/dropin/xtrace_series.h"
#include "output/fan_out.h"
#include "output/flow_table.h"
#include "output/json_lines.h"
#include "output/push.h"
#include "output/push_metrics.h"
#include "output/push_round.h"
#include "output/queue_pair_table.h"
#include "output/terminal.h"

namespace weir {
namespace {

constexpr Nanos kFirstInterval = kSecond;
// How long the end may wait for a reader that is behind, or for where it pushes to.
constexpr std::chrono::milliseconds kPatience{500};
// So that one interval's lines find room.
constexpr std::size_t kLineBytes = 768, kLeastQueueBytes = 8u << 20, kMostQueueBytes = 256u << 20;

// The flows of an interval, for what has to see all of them before it shows some.
class Gathered final : public RecordSink {
 public:
  using RecordSink::on;
  void on(const FlowSample& flow) noexcept override { flows.push_back(flow); }
  void on(const QueuePairSample& pair) noexcept override { pairs.push_back(pair); }

  std::vector<FlowSample> flows;
  std::vector<QueuePairSample> pairs;
};

class FlowsRun {
 public:
  explicit FlowsRun(const FlowsSettings& settings) : settings_(settings) {}

  Result<> run();

 private:
  void prepare_outputs();
  Result<> start_push();
  std::string page() const;
  void control(int signals);
  void say_ready() const;
  // Ends an interval and writes it; true when as many as were asked for are written.
  bool write_interval();
  void write_table(Gathered gathered, std::size_t left_out, std::size_t idle);
  std::string_view host_ip(std::uint32_t ifindex);
  bool stopped() const { return queue_ && queue_->stopped(); }

  const FlowsSettings& settings_;
  std::unique_ptr<Flows> lens_;
  std::optional<RecordQueue> queue_;
  std::optional<JsonLines> json_;
  std::optional<XtraceLines> xtrace_;
  std::optional<RecordQueue::Lines> table_;
  std::optional<Terminal> terminal_;
  std::unique_ptr<Push> push_;
  std::optional<XtraceSeries> series_;
  std::optional<HostAddresses> addresses_;  // of this interval
  std::optional<HttpServer> server_;        // asks for page(): ends before what that reads
  std::uint64_t written_ = 0;
};

void FlowsRun::prepare_outputs() {
  if (settings_.output == OutputFormat::kNone) return;
  RecordQueue::Settings queue;
  queue.capacity_bytes =
      std::clamp(2 * settings_.flows.max_flows * kLineBytes, kLeastQueueBytes, kMostQueueBytes);
  terminal_.emplace(queue.fd);
  queue_.emplace(std::move(queue));
  if (settings_.output == OutputFormat::kJson) {
    json_.emplace(queue_->lines());
  } else if (settings_.xtrace_lines) {
    xtrace_.emplace(queue_->lines(), *settings_.xtrace_lines,
                    [this](std::uint32_t ifindex) { return host_ip(ifindex); });
  } else {
    table_.emplace(queue_->lines());
  }
}

Result<> FlowsRun::start_push() {
  if (settings_.push.url.empty()) return {};
  auto push = Push::start(settings_.push);
  if (!push) return tl::unexpected<Error>(push.error());
  push_ = std::move(*push);
  XtraceSeriesSettings series;
  series.host_ip = [this](std::uint32_t ifindex) { return host_ip(ifindex); };
  series.collect_agg = settings_.collect_agg;
  series.roce_v2_as_udp = settings_.xtrace_lines && settings_.xtrace_lines->roce_v2_as_udp;
  series_.emplace(std::move(series), push_form(settings_.push.url),
                  [this](SeriesSet& set, Nanos time) { push_round(set, time, *push_); });
  return {};
}

std::string_view FlowsRun::host_ip(std::uint32_t ifindex) {
  if (!settings_.host_ip.empty()) return settings_.host_ip;
  return addresses_ ? addresses_->of(ifindex) : "unknown";
}

void FlowsRun::write_table(Gathered gathered, std::size_t left_out, std::size_t idle) {
  const FlowTotals totals = lens_->totals();
  const FlowsUntold untold{
      .flows = left_out, .idle_flows = idle, .lost_frames = totals.full + totals.beyond};
  const Room room = terminal_->room();
  terminal_->append(table_->text(),
                    settings_.queue_pairs
                        ? render_queue_pair_table(std::move(gathered.pairs), room)
                        : render_flow_table(std::move(gathered.flows), untold, room));
  table_->end_line(wall_clock_now());
  table_->flush();
}

bool FlowsRun::write_interval() {
  if (xtrace_ || series_) {
    if (auto addresses = HostAddresses::read()) addresses_.emplace(std::move(*addresses));
  }
  Gathered gathered;
  std::vector<RecordSink*> lines;
  if (json_) lines.push_back(&*json_);
  if (xtrace_) lines.push_back(&*xtrace_);
  std::vector<RecordSink*> sinks;
  if (table_ || settings_.top > 0) {
    sinks.push_back(&gathered);
  } else {
    sinks = lines;
  }
  if (series_) {
    sinks.push_back(&*series_);
    series_->begin_round(wall_clock_now());
  }
  FanOut all(sinks);
  lens_->tick(all);
  if (series_) series_->end_round();
  std::size_t left_out = 0, idle = 0;
  if (table_ && !settings_.queue_pairs) {
    idle = std::erase_if(gathered.flows,
                         [](const FlowSample& flow) { return flow.in_interval.frames == 0; });
  }
  if (settings_.top > 0) {
    left_out = busiest(gathered.flows, settings_.top);
    gathered.pairs.resize(std::min(gathered.pairs.size(), settings_.top));
  }
  if (table_) {
    write_table(std::move(gathered), left_out, idle);
  } else {
    for (RecordSink* sink : lines) {
      for (const FlowSample& flow : gathered.flows) sink->on(flow);
      for (const QueuePairSample& pair : gathered.pairs) sink->on(pair);
    }
  }
  if (json_) json_->flush();
  if (xtrace_) xtrace_->flush();
  return settings_.count > 0 && ++written_ >= settings_.count;
}

std::string FlowsRun::page() const {
  std::string out;
  MetricPage page(out);
  const FlowTotals totals = lens_->totals();
  add_flow_metrics(page, totals, lens_->unattached());
  LedgerTotals ledger;
  add_flow_ledger(ledger, totals);
  if (queue_) queue_->add_to(ledger);
  std::vector<Stage> stages{Stage::kFlows, Stage::kQueue};
  if (push_) {
    const PushReadings readings = push_->readings();
    add_push_metrics(page, readings);
    ledger.add(readings.ledger);
    stages.push_back(Stage::kPush);
  }
  add_ledger(page, ledger, stages);
  add_lens_up(page, "flows", true);
  add_self_metrics(page, WEIR_VERSION);
  return out;
}

void FlowsRun::say_ready() const {
  for (const auto& [interface, mode] : lens_->attached()) {
    // The first is the line that XTrace-Catch documents.
    if (mode) {
      std::fprintf(stderr, "XDP program loaded on %s (%s)\n", interface.c_str(),
                   xdp_mode_name(*mode).data());
    } else if (settings_.xtrace_lines || settings_.flows.attach != FlowAttach::kTc) {
      std::fprintf(stderr, "TC program loaded on %s\n", interface.c_str());
    }
  }
  std::fputs("ready\n", stderr);
}

void FlowsRun::control(int signals) {
  ControlLoop loop(signals, &lens_->follower());
  loop.when_attached([this] { say_ready(); });
  loop.when_readable(lens_->leavers_fd(), [this] { lens_->on_leavers(); });
  // Who is used to XTrace-Catch's lines counts on whole intervals.
  const Nanos first =
      settings_.xtrace_lines ? settings_.interval : std::min(settings_.interval, kFirstInterval);
  loop.every(first, settings_.interval, [this] { return stopped() || write_interval(); });
  loop.end_after(settings_.duration);
  loop.run();
  // What has come since the last one.
  const bool enough = settings_.count > 0 && written_ >= settings_.count;
  if (!enough && !stopped()) write_interval();
}

Result<> FlowsRun::run() {
  Result<Fd> signals = catch_signals();
  if (!signals) return tl::unexpected<Error>(signals.error());
  auto lens = Flows::open(settings_.flows);
  if (!lens) return tl::unexpected<Error>(lens.error());
  lens_ = std::move(*lens);
  prepare_outputs();
  if (Result<> pushing = start_push(); !pushing) return pushing;
  if (auto served = serve_metrics(settings_.listen, [this] { return page(); }, server_); !served) {
    return served;
  }
  control(signals->get());
  server_.reset();
  lens_.reset();
  if (push_) push_->stop(kPatience);
  return queue_ ? queue_->finish(kPatience) : Result<>();
}

}  // namespace

Result<> run_flows(const FlowsSettings& settings) { return FlowsRun(settings).run(); }

}  // namespace weir
