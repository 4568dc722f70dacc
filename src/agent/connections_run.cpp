#include "agent/connections_run.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "agent/control_loop.h"
#include "agent/http_server.h"
#include "agent/metrics_pages.h"
#include "agent/signals.h"
#include "base/log.h"
#include "lens/connections.h"
#include "metrics/connection_metrics.h"
#include "metrics/self_metrics.h"
#include "output/connection_table.h"
#include "output/json_lines.h"
#include "output/page_push.h"
#include "output/push.h"
#include "output/push_metrics.h"
#include "output/terminal.h"

namespace weir {
namespace {

constexpr Nanos kFirstInterval = kSecond;
// Events are told no later than this after they happened.
constexpr Nanos kEventInterval = 200 * kMillisecond;
constexpr std::chrono::milliseconds kPatience{500};

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

template <class Value>
bool takes(const std::vector<Value>& chosen, Value value) {
  return chosen.empty() || std::find(chosen.begin(), chosen.end(), value) != chosen.end();
}

class ConnectionsRun final : private RecordSink {
 public:
  explicit ConnectionsRun(const ConnectionsSettings& settings) : settings_(settings) {}

  Result<> run();

 private:
  using RecordSink::on;
  void on(const ConnectionSample& sample) noexcept override;
  void on(const ConnectionEvent& event) noexcept override;
  Result<> start_push();
  std::string page() const;
  void control(int signals);
  bool write_interval();
  void flush();
  bool stopped() const { return queue_ && queue_->stopped(); }

  const ConnectionsSettings& settings_;
  std::unique_ptr<Connections> lens_;
  std::optional<RecordQueue> queue_;
  std::optional<JsonLines> json_;
  std::optional<RecordQueue::Lines> lines_;
  std::optional<Terminal> terminal_;
  ConnectionTable table_;
  std::optional<ConnectionMetrics> metrics_;
  std::unique_ptr<Push> push_;
  std::optional<PagePush> pages_;
  std::optional<HttpServer> server_;  // asks for page(): ends before what that reads
  std::uint64_t written_ = 0, lost_ = 0;
};

void ConnectionsRun::on(const ConnectionSample& sample) noexcept {
  if (metrics_) metrics_->on(sample);
  if (settings_.events || !settings_.choice.takes(sample.connection)) return;
  if (json_) json_->on(sample);
  if (lines_) table_.add(sample);
}

void ConnectionsRun::on(const ConnectionEvent& event) noexcept {
  if (metrics_) metrics_->on(event);
  if (!settings_.choice.takes(event.connection)) return;
  if (json_) json_->on(event);
  if (!lines_ || !settings_.events) return;
  append_event_text(lines_->text(), event);
  lines_->text() += '\n';
  lines_->end_line(event.time);
}

void ConnectionsRun::flush() {
  if (json_) json_->flush();
  if (lines_) lines_->flush();
}

bool ConnectionsRun::write_interval() {
  if (const Result<> read = lens_->tick(*this); !read) log_warning(read.error().text());
  if (metrics_) metrics_->end_tick();
  if (pages_) pages_->round(page(), wall_clock_now());
  const std::uint64_t lost = lens_->ledger().get(Count::kConnectionsLostBurst);
  if (lost > lost_) {
    log_warning(std::to_string(lost - lost_) + " events found no room and are not told");
    lost_ = lost;
  }
  if (lines_ && !settings_.events) {
    terminal_->append(lines_->text(), table_.render(wall_clock_now(), terminal_->room()));
    lines_->end_line(wall_clock_now());
  }
  flush();
  return settings_.count > 0 && ++written_ >= settings_.count;
}

Result<> ConnectionsRun::start_push() {
  if (settings_.push.url.empty()) return {};
  auto push = Push::start(settings_.push);
  if (!push) return tl::unexpected<Error>(push.error());
  push_ = std::move(*push);
  pages_.emplace(*push_, push_form(settings_.push.url), host_name());
  return {};
}

std::string ConnectionsRun::page() const {
  std::string out;
  MetricPage page(out);
  metrics_->add_to(page);
  LedgerTotals ledger;
  ledger.add(lens_->ledger());
  if (queue_) queue_->add_to(ledger);
  std::vector<Stage> stages{Stage::kConnections, Stage::kQueue};
  if (push_) {
    const PushReadings readings = push_->readings();
    add_push_metrics(page, readings);
    ledger.add(readings.ledger);
    stages.push_back(Stage::kPush);
  }
  // What is neither told nor lost waits, in the kernel's ring or for a container's name: at rest
  // nothing does.
  ledger.add_pending(Stage::kConnections, static_cast<std::uint64_t>(std::max<std::int64_t>(
                                              0, ledger.unaccounted(Stage::kConnections))));
  add_ledger(page, ledger, stages);
  add_lens_up(page, "connections", true);
  add_self_metrics(page, WEIR_VERSION);
  return out;
}

void ConnectionsRun::control(int signals) {
  ControlLoop loop(signals);
  std::fputs("ready\n", stderr);
  const auto take = [this] {
    lens_->take_events(*this);
    flush();
  };
  loop.when_readable(lens_->events_fd(), take);
  loop.every(kEventInterval, kEventInterval, [this, take] {
    take();
    return stopped();
  });
  loop.every(std::min(settings_.interval, kFirstInterval), settings_.interval,
             [this] { return stopped() || write_interval(); });
  loop.end_after(settings_.duration);
  loop.run();
  lens_->take_last_events(*this);
  // What has come since the last one.
  const bool enough = settings_.count > 0 && written_ >= settings_.count;
  if (!enough && !stopped()) {
    write_interval();
  } else {
    flush();
  }
}

Result<> ConnectionsRun::run() {
  Result<Fd> signals = catch_signals();
  if (!signals) return tl::unexpected<Error>(signals.error());
  auto lens = Connections::open(settings_.connections);
  if (!lens) return tl::unexpected<Error>(lens.error());
  lens_ = std::move(*lens);
  if (const std::string warning = lens_->warning(); !warning.empty()) log_warning(warning);
  if (settings_.output != OutputFormat::kNone) {
    RecordQueue::Settings queue;
    terminal_.emplace(queue.fd);
    queue_.emplace(std::move(queue));
    if (settings_.output == OutputFormat::kJson) {
      json_.emplace(queue_->lines());
    } else {
      lines_.emplace(queue_->lines());
    }
  }
  if (!settings_.listen.empty() || !settings_.push.url.empty()) {
    metrics_.emplace(settings_.max_series);
  }
  if (Result<> pushing = start_push(); !pushing) return pushing;
  if (auto served = serve_metrics(settings_.listen, [this] { return page(); }, server_); !served) {
    return served;
  }
  control(signals->get());
  server_.reset();
  if (push_) push_->stop(kPatience);
  lens_.reset();
  return queue_ ? queue_->finish(kPatience) : Result<>();
}

}  // namespace

bool ConnectionChoice::takes(const Connection& connection) const {
  return weir::takes(pids, connection.process.pid) &&
         weir::takes(network_namespaces, connection.network_namespace) &&
         weir::takes(states, connection.state) &&
         (weir::takes(ports, connection.local.port) || weir::takes(ports, connection.remote.port));
}

Result<> run_connections(const ConnectionsSettings& settings) {
  return ConnectionsRun(settings).run();
}

}  // namespace weir
