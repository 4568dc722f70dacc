#include "agent/nettracer_run.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/control_loop.h"
#include "agent/rename_watch.h"
#include "agent/signals.h"
#include "agent/standard_input.h"
#include "lens/connections.h"
#include "output/dropin/nettracer.h"

namespace weir {
namespace {

constexpr Nanos kTick = 100 * kMillisecond;
constexpr Nanos kSessionsInterval = 300 * kSecond;
constexpr std::chrono::milliseconds kPatience{500};
// Connections that ended and wait for their last row; when there are so many, they have it at once.
constexpr std::size_t kMostClosed = 65536;
constexpr const char* kDefaultDirectory = "log";

bool is_loopback(const IpAddress& address) {
  constexpr std::uint8_t kOne[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  if (address.is_v4()) return address.bytes[12] == 127;
  return address == IpAddress::v6(kOne);
}

bool was_established(TcpState state) {
  switch (state) {
    case TcpState::kEstablished:
    case TcpState::kFinWait1:
    case TcpState::kFinWait2:
    case TcpState::kCloseWait:
    case TcpState::kLastAck:
    case TcpState::kClosing:
      return true;
    default:
      return false;
  }
}

class NettracerRun final : private RecordSink {
 public:
  explicit NettracerRun(const NettracerArguments& arguments) : arguments_(arguments) {}

  Result<> run(NettracerSettings settings);

 private:
  enum class Form { kLog, kMachine, kHuman };
  struct Previous {
    NettracerCounts counts;
    std::uint32_t round = 0;
  };

  using RecordSink::on;
  void on(const ConnectionSample& sample) noexcept override;
  void on(const ConnectionEvent& event) noexcept override;

  bool shows(const Connection& connection) const;
  void start();
  void open_log_file();
  // True when settings were asked to be read again, false at the end.
  bool control(int signals);
  bool tick();
  void print();
  void print_rows(std::vector<NettracerRow>& rows, Nanos now);
  void print_row(NettracerRow& row, Nanos now);
  void print_sessions(std::size_t passive, std::size_t active, Nanos now);
  void warn_of(std::uint64_t all, std::uint64_t& told, const char* what);
  void say_message(NettracerLevel level) { log_->say(level, message_); }
  void flush();
  void read_again();

  const NettracerArguments& arguments_;
  NettracerSettings settings_;
  Form form_ = Form::kLog;
  std::size_t columns_ = 0;
  std::unique_ptr<Connections> lens_;
  std::optional<RecordQueue> queue_;
  std::optional<RecordQueue::Lines> lines_;
  std::optional<NettracerLog> log_;
  std::optional<RenameWatch> watch_;
  StandardInput input_;
  std::vector<NettracerRow> living_, closed_;
  absl::flat_hash_map<std::uint64_t, Previous> previous_;  // by cookie; where that is asked for
  std::uint32_t round_ = 0;
  std::string message_;
  std::uint64_t lost_events_ = 0, lost_lines_ = 0;
  Nanos next_print_ = 0, next_sessions_ = 0;
  bool asked_ = false, renamed_ = false;
};

bool NettracerRun::shows(const Connection& connection) const {
  return settings_.with_loopback ||
         !(is_loopback(connection.local.address) || is_loopback(connection.remote.address));
}

void NettracerRun::on(const ConnectionSample& sample) noexcept {
  const Connection& connection = sample.connection;
  if (!shows(connection) || !was_established(connection.state)) return;
  living_.push_back(nettracer_row(connection));
}

void NettracerRun::on(const ConnectionEvent& event) noexcept {
  if (!shows(event.connection)) return;
  message_.clear();
  if (event.kind == ConnectionEventKind::kFailed) {
    if (!log_->shows(NettracerLevel::kDebug)) return;
    append_nettracer_failure(message_, event);
    return log_->say(NettracerLevel::kDebug, message_, event.time);
  }
  if (form_ == Form::kLog && settings_.events) {
    append_nettracer_event(message_, event);
    log_->say(NettracerLevel::kInfo, message_, event.time);
  }
  if (event.kind != ConnectionEventKind::kClosed) return;
  closed_.push_back(nettracer_row(event.connection));
  closed_.back().closed = event.time;
  if (closed_.size() < kMostClosed) return;
  print_rows(closed_, wall_clock_now());
}

void NettracerRun::print_row(NettracerRow& row, Nanos now) {
  switch (form_) {
    case Form::kLog:
      message_.clear();
      append_nettracer_stats(message_, row);
      say_message(NettracerLevel::kInfo);
      message_.clear();
      append_nettracer_tcp_stats(message_, row);
      return say_message(NettracerLevel::kInfo);
    case Form::kMachine:
      if (settings_.incremental) {
        Previous& previous = previous_[row.cookie];
        const NettracerCounts counts = row.counts;
        row.counts = counts - previous.counts;
        previous = {counts, round_};
      }
      append_nettracer_machine_row(lines_->text(), row, now, settings_.headers);
      break;
    case Form::kHuman:
      append_nettracer_human_row(lines_->text(), row, columns_);
      break;
  }
  lines_->end_line(now);
}

void NettracerRun::print_rows(std::vector<NettracerRow>& rows, Nanos now) {
  for (const bool v4 : {true, false}) {
    for (NettracerRow& row : rows) {
      if (row.is_v4() == v4) print_row(row, now);
    }
  }
  rows.clear();
}

void NettracerRun::print_sessions(std::size_t passive, std::size_t active, Nanos now) {
  message_.clear();
  append_nettracer_sessions(message_, passive, active);
  if (form_ == Form::kHuman) {
    lines_->text() += message_ + " \n";
    lines_->end_line(now);
  } else if (form_ == Form::kMachine) {
    lines_->text() += " \n";
    lines_->end_line(now);
    if (monotonic_now() < next_sessions_) return;
    next_sessions_ = monotonic_now() + kSessionsInterval;
    say_message(NettracerLevel::kInfo);
  }
}

void NettracerRun::warn_of(std::uint64_t all, std::uint64_t& told, const char* what) {
  if (all > told) log_->say(NettracerLevel::kWarning, fmt::format("{} {}", all - told, what));
  told = all;
}

void NettracerRun::print() {
  ++round_;
  if (const Result<> read = lens_->tick(*this); !read) {
    log_->say(NettracerLevel::kWarning, read.error().text());
  }
  warn_of(lens_->ledger().get(Count::kConnectionsLostBurst), lost_events_,
          "events found no room and are not told");
  LedgerTotals totals;
  queue_->add_to(totals);
  warn_of(totals.get(Count::kQueueLostOverflow), lost_lines_,
          "lines were not taken from standard output in time and are lost");
  const Nanos now = wall_clock_now();
  living_.insert(living_.end(), closed_.begin(), closed_.end());
  closed_.clear();
  const auto passive = static_cast<std::size_t>(
      std::count_if(living_.begin(), living_.end(),
                    [](const NettracerRow& row) { return row.role == ConnectionRole::kServer; }));
  const std::size_t all = living_.size();
  print_rows(living_, now);
  print_sessions(passive, all - passive, now);
  absl::erase_if(previous_, [&](const auto& entry) { return entry.second.round != round_; });
  next_print_ = monotonic_now() + settings_.interval;
  flush();
}

void NettracerRun::flush() {
  lines_->flush();
  log_->flush();
}

bool NettracerRun::tick() {
  if (queue_->stopped() || renamed_) return true;
  const bool asked = std::exchange(asked_, false) && form_ != Form::kLog;
  if (asked || monotonic_now() >= next_print_) {
    print();
  } else {
    lens_->take_events(*this);
    flush();
  }
  return false;
}

void NettracerRun::open_log_file() {
  const bool by_default = settings_.log_directory.empty();
  if (by_default) mkdir(kDefaultDirectory, 0755);
  const Result<> opened = log_->open_file(by_default ? kDefaultDirectory : settings_.log_directory);
  if (!opened) log_->say(NettracerLevel::kWarning, opened.error().text());
}

// Begins anew with the settings, as a process that was started with them would.
void NettracerRun::start() {
  const bool human = isatty(STDIN_FILENO) == 1 && !settings_.machine;
  form_ = !settings_.table ? Form::kLog : human ? Form::kHuman : Form::kMachine;
  log_.emplace(settings_.level, form_ == Form::kLog ? &*lines_ : nullptr,
               isatty(STDOUT_FILENO) == 1);
  open_log_file();
  log_->say(NettracerLevel::kInfo,
            fmt::format("Starting weir {} as nettracersrv, time_interval: {}", WEIR_VERSION,
                        settings_.interval / kSecond));
  for (const std::string& note : settings_.notes) log_->say(NettracerLevel::kWarning, note);
  previous_.clear();
  next_print_ = next_sessions_ = 0;
  asked_ = renamed_ = false;
  if (form_ != Form::kHuman) return;
  winsize size{};
  columns_ = ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
  append_nettracer_heading(lines_->text(), columns_);
  lines_->end_line(wall_clock_now());
}

bool NettracerRun::control(int signals) {
  ControlLoop loop(signals);
  loop.when_readable(lens_->events_fd(), [this] {
    lens_->take_events(*this);
    flush();
  });
  loop.when_readable(input_.fd(), [this] { asked_ = input_.take() || asked_; });
  if (watch_) {
    loop.when_readable(watch_->fd(), [this] { renamed_ = watch_->take() || renamed_; });
  }
  loop.every(0, kTick, [this] { return tick(); });
  loop.run();
  return renamed_;
}

void NettracerRun::read_again() {
  Result<NettracerSettings> settings = arguments_.read();
  if (settings) {
    settings_ = std::move(*settings);
    log_->say(NettracerLevel::kInfo, arguments_.path + " has changed");
    flush();
    start();
    return;
  }
  renamed_ = false;
  log_->say(NettracerLevel::kError,
            "what " + arguments_.path + " asks for is not done: " + settings.error().text());
}

Result<> NettracerRun::run(NettracerSettings settings) {
  settings_ = std::move(settings);
  Result<Fd> signals = catch_signals();
  if (!signals) return tl::unexpected<Error>(signals.error());
  if (!arguments_.path.empty()) {
    Result<RenameWatch> watch = RenameWatch::open(arguments_.path);
    if (!watch) return tl::unexpected<Error>(watch.error());
    watch_.emplace(std::move(*watch));
  }
  auto lens = Connections::open();
  if (!lens) return tl::unexpected<Error>(lens.error());
  lens_ = std::move(*lens);
  queue_.emplace(RecordQueue::Settings{});
  lines_.emplace(queue_->lines());
  start();
  if (const std::string warning = lens_->warning(); !warning.empty()) {
    log_->say(NettracerLevel::kWarning, warning);
  }
  if (settings_.test_only) {
    log_->say(NettracerLevel::kInfo, "All checks passed");
  } else {
    // Who has what open is known from then on, and so who will accept.
    print();
    std::fputs("ready\n", stderr);
    while (control(signals->get())) read_again();
    // What has come since the last one.
    if (!queue_->stopped()) print();
  }
  flush();
  lens_.reset();
  return queue_->finish(kPatience);
}

}  // namespace

Result<> run_nettracer(const NettracerSettings& settings, const NettracerArguments& arguments) {
  return NettracerRun(arguments).run(settings);
}

}  // namespace weir
