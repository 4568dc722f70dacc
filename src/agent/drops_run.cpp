#include "agent/drops_run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/control_loop.h"
#include "agent/http_server.h"
#include "agent/metrics_pages.h"
#include "agent/signals.h"
#include "base/log.h"
#include "metrics/drop_metrics.h"
#include "metrics/self_metrics.h"
#include "output/drop_table.h"
#include "output/json_lines.h"
#include "output/terminal.h"

namespace weir {
namespace {

constexpr Nanos kFirstInterval = kSecond;
// Single packets are told no later than this after they were dropped.
constexpr Nanos kEventInterval = 200 * kMillisecond;
constexpr std::chrono::milliseconds kPatience{500};
// So that one interval's lines find room.
constexpr std::size_t kLineBytes = 512, kLeastQueueBytes = 8u << 20, kMostQueueBytes = 256u << 20;

template <class Value, class Sought>
bool takes(const std::vector<Value>& chosen, const Sought& value) {
  return chosen.empty() || std::find(chosen.begin(), chosen.end(), value) != chosen.end();
}

class DropsRun final : private RecordSink {
 public:
  explicit DropsRun(const DropsSettings& settings)
      : settings_(settings), table_(settings.top > 0) {}

  Result<> run();

 private:
  using RecordSink::on;
  void on(const DropSample& sample) noexcept override;
  void on(const DropEvent& event) noexcept override;
  void prepare_outputs();
  std::string page() const;
  void control(int signals);
  bool write_interval();
  void warn_of_losses();
  void flush();
  bool stopped() const { return queue_ && queue_->stopped(); }

  const DropsSettings& settings_;
  std::unique_ptr<Drops> lens_;
  std::optional<RecordQueue> queue_;
  std::optional<JsonLines> json_;
  std::optional<RecordQueue::Lines> lines_;
  std::optional<Terminal> terminal_;
  DropTable table_;
  std::optional<HttpServer> server_;  // asks for page(): ends before what that reads
  std::uint64_t written_ = 0, lost_ = 0;
};

void DropsRun::on(const DropSample& sample) noexcept {
  if (settings_.events || !settings_.choice.takes(sample.drop)) return;
  if (json_) json_->on(sample);
  if (lines_) table_.add(sample);
}

void DropsRun::on(const DropEvent& event) noexcept {
  if (!settings_.choice.takes(event.drop)) return;
  if (json_) json_->on(event);
  if (!lines_ || !settings_.events) return;
  append_drop_text(lines_->text(), event);
  lines_->text() += '\n';
  lines_->end_line(event.time);
}

void DropsRun::prepare_outputs() {
  if (settings_.output == OutputFormat::kNone) return;
  RecordQueue::Settings queue;
  queue.capacity_bytes = std::clamp(2 * std::size_t{settings_.drops.max_flows} * kLineBytes,
                                    kLeastQueueBytes, kMostQueueBytes);
  terminal_.emplace(queue.fd);
  queue_.emplace(std::move(queue));
  if (settings_.output == OutputFormat::kJson) {
    json_.emplace(queue_->lines());
  } else {
    lines_.emplace(queue_->lines());
  }
}

void DropsRun::flush() {
  if (json_) json_->flush();
  if (lines_) lines_->flush();
}

void DropsRun::warn_of_losses() {
  const DropTotals totals = lens_->totals();
  const std::uint64_t lost = totals.lost + totals.missed;
  if (lost == lost_) return;
  log_warning(std::to_string(lost - lost_) + " drops were seen but could not be counted");
  lost_ = lost;
}

bool DropsRun::write_interval() {
  if (const Result<> read = lens_->tick(*this); !read) log_warning(read.error().text());
  warn_of_losses();
  if (lines_ && !settings_.events) {
    const Nanos now = wall_clock_now();
    terminal_->append(lines_->text(), table_.render(now, settings_.top, terminal_->room()));
    lines_->end_line(now);
  }
  flush();
  return settings_.count > 0 && ++written_ >= settings_.count;
}

std::string DropsRun::page() const {
  std::string out;
  MetricPage page(out);
  const DropTotals totals = lens_->totals();
  add_drop_metrics(page, totals);
  LedgerTotals ledger;
  add_drop_ledger(ledger, totals);
  if (queue_) queue_->add_to(ledger);
  constexpr Stage kStage[] = {Stage::kDrops, Stage::kQueue};
  add_ledger(page, ledger, kStage);
  add_lens_up(page, "drops", true);
  add_self_metrics(page, WEIR_VERSION);
  return out;
}

void DropsRun::control(int signals) {
  ControlLoop loop(signals);
  std::fputs("ready\n", stderr);
  const auto take = [this] {
    lens_->take_events(*this);
    flush();
  };
  if (settings_.events) {
    loop.when_readable(lens_->events_fd(), take);
    loop.every(kEventInterval, kEventInterval, [this, take] {
      take();
      return stopped();
    });
  }
  loop.every(std::min(settings_.interval, kFirstInterval), settings_.interval,
             [this] { return stopped() || write_interval(); });
  loop.end_after(settings_.duration);
  loop.run();
  // What has come since the last one.
  const bool enough = settings_.count > 0 && written_ >= settings_.count;
  if (!enough && !stopped()) write_interval();
}

Result<> DropsRun::run() {
  Result<Fd> signals = catch_signals();
  if (!signals) return tl::unexpected<Error>(signals.error());
  auto lens = Drops::open(settings_.drops);
  if (!lens) return tl::unexpected<Error>(lens.error());
  lens_ = std::move(*lens);
  if (!lens_->knows_functions()) {
    log_warning("the kernel hides its addresses: functions are numbers (needs CAP_SYSLOG)");
  }
  prepare_outputs();
  if (auto served = serve_metrics(settings_.listen, [this] { return page(); }, server_); !served) {
    return served;
  }
  control(signals->get());
  server_.reset();
  lens_.reset();
  return queue_ ? queue_->finish(kPatience) : Result<>();
}

}  // namespace

bool DropChoice::takes(const Drop& drop) const {
  return weir::takes(interfaces, drop.interface) && weir::takes(reasons, drop.reason) &&
         weir::takes(network_namespaces, drop.network_namespace);
}

Result<> run_drops(const DropsSettings& settings) { return DropsRun(settings).run(); }

}  // namespace weir
