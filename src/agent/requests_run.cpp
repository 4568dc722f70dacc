#include "agent/requests_run.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <cstdio>
#include <ctime>
#include <optional>
#include <thread>

#include "agent/live_requests.h"
#include "agent/metrics_pages.h"
#include "agent/replayed_requests.h"
#include "agent/requests_worker.h"
#include "agent/signals.h"
#include "base/log.h"
#include "metrics/exposition.h"
#include "output/json_lines.h"
#include "output/summary.h"
#include "output/text.h"
#include "protocol/registry.h"

namespace weir {
namespace {

constexpr Nanos kTick = 200 * kMillisecond;
constexpr Nanos kWarningInterval = 10 * kSecond;
// How long an end by signal or limit waits for a reader of the output that does not read. The end
// of a file waits as long as it takes.
constexpr std::chrono::milliseconds kPatience{500};

Result<std::optional<Where>> parse_where(const std::vector<std::string>& conditions) {
  if (conditions.empty()) return std::optional<Where>();
  std::string all;
  for (const std::string& condition : conditions) {
    all += (all.empty() ? "(" : " and (") + condition + ")";
  }
  std::vector<std::string_view> attributes{kRepeatedField.name, kErrorTypeField.name};
  for (const Protocol* protocol : protocols()) {
    for (const Field* field : protocol->fields) attributes.push_back(field->name);
  }
  // Each by itself first: an error then shows what the user wrote.
  for (const std::string& condition : conditions) {
    Result<Where> alone = Where::parse(condition, attributes);
    if (!alone) return tl::unexpected<Error>(alone.error());
  }
  Result<Where> parsed = Where::parse(all, attributes);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  return std::optional<Where>(std::move(*parsed));
}

Result<std::vector<ForcedProtocol>> parse_forced(const std::vector<std::string>& rules) {
  std::vector<ForcedProtocol> forced;
  for (const std::string& rule : rules) {
    Result<ForcedProtocol> parsed = ForcedProtocol::parse(rule);
    if (!parsed) return tl::unexpected<Error>(parsed.error());
    forced.push_back(std::move(*parsed));
  }
  return forced;
}

// Everything between the workers and the user.
class RequestsRun {
 public:
  explicit RequestsRun(const RequestsSettings& settings) : settings_(settings) {
    limit_.limit = settings.count;
    readings_.protocols.reserve(protocols().size());
    for (const Protocol* protocol : protocols()) readings_.protocols.push_back(protocol->name);
  }

  Result<> run();

 private:
  Result<> prepare_outputs();
  Result<> add_workers(std::size_t count, LiveRequests* live);
  Result<> serve();
  template <class Input>
  bool control(Input& input, const Fd& signals);
  void print_stats();
  void print_summary();
  void warn_of_cut_packets();
  bool warn_of_losses();
  bool should_stop() const {
    return limit_.reached.load(std::memory_order_acquire) || (queue_ && queue_->stopped());
  }
  FILE* summary_stream() const { return settings_.output == OutputFormat::kJson ? stderr : stdout; }

  const RequestsSettings& settings_;
  CountLimit::Shared limit_;
  std::optional<RecordQueue> queue_;
  std::shared_ptr<TextStyle> style_;
  std::vector<std::unique_ptr<RequestsWorker>> workers_;
  RequestsReadings readings_;
  RequestsTotals last_totals_;
  std::uint64_t lost_packets_ = 0, lost_records_ = 0;  // as far as they were warned of
  std::optional<HttpServer> server_;
};

Result<> RequestsRun::prepare_outputs() {
  if (settings_.output == OutputFormat::kNone) return {};
  RecordQueue::Settings queue;
  queue.wait_when_full = !settings_.files.empty();
  if (settings_.output == OutputFormat::kText) {
    style_ = TextStyle::for_output(queue.fd);
    if (isatty(queue.fd)) queue.header = style_->header();
  }
  queue_.emplace(std::move(queue));
  readings_.add_queue = [this](LedgerTotals& totals) { queue_->add_to(totals); };
  return {};
}

// `live` is null when files are read.
Result<> RequestsRun::add_workers(std::size_t count, LiveRequests* live) {
  Result<std::vector<ForcedProtocol>> forced = parse_forced(settings_.forced);
  if (!forced) return tl::unexpected<Error>(forced.error());
  for (std::size_t i = 0; i < count; ++i) {
    RequestsWorker::Parts parts;
    parts.lens.decapsulate = settings_.decapsulate;
    parts.lens.limits.raw_queries = settings_.raw_queries;
    parts.lens.forced = *forced;
    if (live) {
      parts.lens.local_addresses = &live->local_addresses();
      parts.lens.copies = live->copy_verdicts(i);
    }
    parts.top = settings_.stats;
    Result<std::optional<Where>> where = parse_where(settings_.where);
    if (!where) return tl::unexpected<Error>(where.error());
    parts.where = std::move(*where);
    if (settings_.output == OutputFormat::kJson) {
      parts.writer = std::make_unique<JsonLines>(queue_->lines());
    } else if (settings_.output == OutputFormat::kText) {
      parts.writer = std::make_unique<Text>(queue_->lines(), style_);
    }
    workers_.push_back(std::make_unique<RequestsWorker>(std::move(parts), limit_));
    readings_.shards.push_back(&workers_.back()->metrics());
    readings_.workers.push_back(&workers_.back()->counters());
  }
  return {};
}

Result<> RequestsRun::serve() {
  return serve_metrics(
      settings_.listen, [this] { return render_metrics_page(readings_, WEIR_VERSION, true); },
      server_);
}

void RequestsRun::print_stats() {
  const RequestsTotals totals = RequestsTotals::read(readings_.shards);
  TopTable top;
  for (const auto& worker : workers_) worker->top()->take(top);
  const std::string text =
      render_summary(totals.since(last_totals_), readings_.ledger(), false) + render_top(top);
  const std::time_t now = std::time(nullptr);
  std::tm clock{};
  localtime_r(&now, &clock);
  std::fprintf(summary_stream(), "until %02d:%02d:%02d (the ledger since the start)\n%s\n",
               clock.tm_hour, clock.tm_min, clock.tm_sec, text.c_str());
  std::fflush(summary_stream());
  last_totals_ = totals;
}

void RequestsRun::print_summary() {
  const std::string text =
      render_summary(RequestsTotals::read(readings_.shards), readings_.ledger(), true);
  std::fputs(text.c_str(), summary_stream());
  std::fflush(summary_stream());
}

// Heads that were cut off cannot be shown; the reader should know why records are missing.
// What was lost since it was last asked; true when something was.
bool RequestsRun::warn_of_losses() {
  const LedgerTotals ledger = readings_.ledger();
  const auto warn = [&](Count count, std::uint64_t& known, const char* what) {
    const std::uint64_t lost = ledger.get(count) - known;
    if (lost > 0) log_warning(std::to_string(lost) + what);
    known += lost;
    return lost > 0;
  };
  const bool packets =
      warn(Count::kCaptureLostKernel, lost_packets_,
           " packets lost: a capture ring was full, weir did not keep up (less to do: -f, -i; "
           "more room: --ring; more threads: --workers)");
  const bool records =
      warn(Count::kQueueLostOverflow, lost_records_,
           " records not written: what reads them is too slow (fewer of them: --where, -f)");
  return packets || records;
}

void RequestsRun::warn_of_cut_packets() {
  if (settings_.files.empty()) return;  // guesses about what is needed; each record says so itself
  const std::uint64_t cut = readings_.ledger().get(Count::kStreamLostTruncated);
  if (cut == 0) return;
  log_warning(std::to_string(cut) +
              " bytes were cut off by the capture's snap length: records are missing or not whole "
              "(capture with: tcpdump -s 0)");
}

// Waits for what ends the run, and meanwhile does what is due. True when the input came to its end.
template <class Input>
bool RequestsRun::control(Input& input, const Fd& signals) {
  const Nanos begin = monotonic_now();
  Nanos next_stats = begin + settings_.interval, next_warning = begin;
  for (;;) {
    pollfd fds[] = {
        {signals.get(), POLLIN, 0}, {input.done_fd(), POLLIN, 0}, {input.control_fd(), POLLIN, 0}};
    ::poll(fds, 3, static_cast<int>(kTick / kMillisecond));
    if (fds[1].revents != 0) {
      input.stop();
      return true;
    }
    if (fds[0].revents != 0 || should_stop()) break;
    if (fds[2].revents != 0) input.on_control();
    const Nanos now = monotonic_now();
    input.on_tick(now);
    if (now >= next_warning && warn_of_losses()) next_warning = now + kWarningInterval;
    if (settings_.duration > 0 && now - begin >= settings_.duration) break;
    if (settings_.stats && now >= next_stats) {
      print_stats();
      next_stats += settings_.interval;
      if (next_stats < now) next_stats = now + settings_.interval;
    }
  }
  input.stop();
  return false;
}

Result<> RequestsRun::run() {
  Result<Fd> signals = catch_signals();
  if (!signals) return tl::unexpected<Error>(signals.error());
  if (Result<> outputs = prepare_outputs(); !outputs) return outputs;
  Result<> input_result;
  bool ended = false;
  if (!settings_.files.empty()) {
    if (Result<> added = add_workers(1, nullptr); !added) return added;
    Result<std::unique_ptr<ReplayedRequests>> input =
        ReplayedRequests::open(settings_, *workers_[0], limit_.reached);
    if (!input) return tl::unexpected<Error>(input.error());
    if (Result<> served = serve(); !served) return served;
    (*input)->start();
    ended = control(**input, *signals);
    input_result = (*input)->result();
  } else {
    Result<std::unique_ptr<LiveRequests>> input = LiveRequests::open(settings_);
    if (!input) return tl::unexpected<Error>(input.error());
    if (Result<> added = add_workers((*input)->worker_count(), input->get()); !added) return added;
    (*input)->start(workers_);
    if (Result<> served = serve(); !served) {
      (*input)->stop();
      return served;
    }
    std::fputs("ready\n", stderr);
    control(**input, *signals);
  }
  if (settings_.stats) print_stats();
  Result<> written;
  if (queue_) written = queue_->finish(ended ? std::chrono::milliseconds::max() : kPatience);
  if (settings_.summary) print_summary();
  if (written && std::ferror(summary_stream()))
    written = failure("write the summary: not all of it could be written");
  warn_of_cut_packets();
  warn_of_losses();
  server_.reset();
  return input_result ? written : input_result;
}

}  // namespace

Result<> check_settings(const RequestsSettings& settings) {
  if (auto where = parse_where(settings.where); !where) {
    return tl::unexpected<Error>(where.error());
  }
  if (auto forced = parse_forced(settings.forced); !forced) {
    return tl::unexpected<Error>(forced.error());
  }
  if (!settings.listen.empty()) {
    if (auto address = ListenAddress::parse(settings.listen); !address) {
      return tl::unexpected<Error>(address.error());
    }
  }
  if (auto filter = PcapFilter::compile(settings.filter); !filter) {
    return tl::unexpected<Error>(filter.error());
  }
  return {};
}

Result<> run_requests(const RequestsSettings& settings) { return RequestsRun(settings).run(); }

}  // namespace weir
