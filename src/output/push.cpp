#include "output/push.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "base/log.h"
#include "output/push_transfer.h"

namespace weir {
namespace {

// What a request takes beside its body, so that small ones are bounded in number, too.
constexpr std::size_t kRequestBytes = 128;
constexpr std::size_t kMaxCodes = 32;
// The same trouble is said again after so long.
constexpr Nanos kLogInterval = 60 * kSecond;
// More than this a server may not ask for.
constexpr Nanos kMostRetryAfter = 300 * kSecond;
// Between attempts when weir is about to end.
constexpr Nanos kLastDelay = 100 * kMillisecond;
constexpr Nanos kNever = std::numeric_limits<Nanos>::max();

struct Request {
  std::string body;
  std::size_t samples;

  std::size_t bytes() const { return body.size() + kRequestBytes; }
};

// To be logged; nothing where it is empty.
struct Said {
  std::string text{};
  bool trouble = true;

  void log() const {
    if (!text.empty()) trouble ? log_warning(text) : log_info(text);
  }
};

enum class Verdict { kTaken, kAgain, kRefused };

Verdict verdict_of(const PushAnswer& answer) {
  if (answer.status >= 200 && answer.status < 300) return Verdict::kTaken;
  if (answer.status == 0 || answer.status == 429 || answer.status >= 500) return Verdict::kAgain;
  return Verdict::kRefused;
}

std::chrono::steady_clock::time_point clock_time(Nanos monotonic) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(monotonic));
}

}  // namespace

class Push::Sender {
 public:
  Sender(PushSettings settings, PushTarget target, std::unique_ptr<PushTransfer> transfer)
      : settings_(std::move(settings)),
        target_(std::move(target)),
        transfer_(std::move(transfer)),
        random_(std::random_device{}()) {}

  const PushSettings& settings() const { return settings_; }
  const PushTarget& target() const { return target_; }

  void submit(Request request) {
    Said said;
    {
      const std::lock_guard lock(mutex_);
      ledger_.add(Count::kPushSeen, request.samples);
      if (stopping_) {
        ledger_.add(Count::kPushLostClosed, request.samples);
        return;
      }
      add_waiting(request);
      waiting_.push_back(std::move(request));
      said = trim();
    }
    changed_.notify_one();
    said.log();
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (wait_for_work(lock)) {
      under_way_ = take_first();
      lock.unlock();
      const PushAnswer answer = transfer_->post(under_way_->body, give_up_);
      lock.lock();
      const Said said = settle(answer);
      lock.unlock();
      said.log();
      lock.lock();
    }
    ledger_.add(Count::kPushLostClosed, waiting_samples_);
    waiting_.clear();
    waiting_bytes_ = waiting_samples_ = 0;
  }

  void stop(std::chrono::milliseconds patience) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      give_up_ = monotonic_now() + patience.count() * kMillisecond;
      not_before_ = 0;
      delay_ = 0;
    }
    changed_.notify_one();
    transfer_->wake();
  }

  PushReadings readings() const {
    const std::lock_guard lock(mutex_);
    PushReadings readings;
    readings.ledger.add(ledger_);
    readings.ledger.add_pending(Stage::kPush,
                                waiting_samples_ + (under_way_ ? under_way_->samples : 0));
    readings.requests = requests_;
    readings.retried_samples = retried_samples_;
    readings.sent_bytes = sent_bytes_;
    readings.queue_bytes = waiting_bytes_ + (under_way_ ? under_way_->bytes() : 0);
    readings.queue_requests = waiting_.size() + (under_way_ ? 1 : 0);
    readings.queue_limit_bytes = settings_.queue_bytes;
    readings.last_success = last_success_;
    return readings;
  }

 private:
  void add_waiting(const Request& request) {
    waiting_bytes_ += request.bytes();
    waiting_samples_ += request.samples;
  }
  Request take_first() {
    Request first = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= first.bytes();
    waiting_samples_ -= first.samples;
    return first;
  }

  // False at the end.
  bool wait_for_work(std::unique_lock<std::mutex>& lock) {
    while (true) {
      const Nanos now = monotonic_now();
      if (stopping_ && (waiting_.empty() || now >= give_up_)) return false;
      if (!waiting_.empty() && now >= not_before_) return true;
      if (waiting_.empty()) {
        changed_.wait(lock);
      } else {
        changed_.wait_until(lock, clock_time(std::min(not_before_, give_up_.load())));
      }
    }
  }

  // What came of the request under way.
  Said settle(const PushAnswer& answer) {
    Request request = std::move(*under_way_);
    under_way_.reset();
    if (answer.given_up) {
      ledger_.add(Count::kPushLostClosed, request.samples);
      return {};
    }
    count_request(answer.status);
    switch (verdict_of(answer)) {
      case Verdict::kTaken:
        return taken(request);
      case Verdict::kRefused:
        ledger_.add(Count::kPushLostRejected, request.samples);
        delay_ = 0;
        return said_before(answer)
                   ? Said{}
                   : Said{fmt::format("push to {}: answer {}, {} samples dropped{}", target_.shown,
                                      answer.status, request.samples, because(answer))};
      case Verdict::kAgain:
        break;
    }
    return again(std::move(request), answer);
  }

  Said taken(const Request& request) {
    ledger_.add(Count::kPushDelivered, request.samples);
    sent_bytes_ += request.body.size();
    last_success_ = wall_clock_now();
    delay_ = 0;
    if (!std::exchange(in_trouble_, false)) return {};
    return {
        fmt::format("push to {}: works again, {} requests wait", target_.shown, waiting_.size()),
        false};
  }

  Said again(Request request, const PushAnswer& answer) {
    retried_samples_ += request.samples;
    not_before_ = monotonic_now() + next_delay(answer);
    add_waiting(request);
    waiting_.push_front(std::move(request));
    Said overflow = trim();
    if (said_before(answer)) return overflow;
    in_trouble_ = true;
    const std::string what =
        answer.status == 0 ? "no answer" : "answer " + std::to_string(answer.status);
    return {fmt::format("push to {}: {}, will try again{}", target_.shown, what, because(answer))};
  }

  static std::string because(const PushAnswer& answer) {
    return answer.detail.empty() ? "" : ": " + answer.detail;
  }

  Nanos random_up_to(Nanos most) { return std::uniform_int_distribution<Nanos>(0, most)(random_); }

  Nanos next_delay(const PushAnswer& answer) {
    if (stopping_) return kLastDelay;
    delay_ = std::min(std::max(delay_ * 2, settings_.least_delay), settings_.most_delay);
    if (answer.retry_after == 0) return delay_ - random_up_to(delay_ / 2);
    const Nanos asked = std::min(answer.retry_after, kMostRetryAfter);
    return asked + random_up_to(asked / 8);
  }

  // Makes room.
  Said trim() {
    std::size_t dropped = 0;
    while (waiting_bytes_ > settings_.queue_bytes) dropped += take_first().samples;
    if (dropped == 0) return {};
    ledger_.add(Count::kPushLostOverflow, dropped);
    const Nanos now = monotonic_now();
    if (overflow_logged_ != 0 && now - overflow_logged_ < kLogInterval) return {};
    overflow_logged_ = now;
    return {fmt::format("push to {}: the queue is full, {} of the oldest samples dropped",
                        target_.shown, dropped)};
  }

  void count_request(int status) {
    const bool room = requests_.size() < kMaxCodes || requests_.contains(status);
    ++requests_[room ? status : PushReadings::kOtherCodes];
  }

  bool said_before(const PushAnswer& answer) {
    const int kind = answer.status != 0 ? answer.status : -answer.error;
    const Nanos now = monotonic_now();
    const auto found = logged_.find(kind);
    if (found != logged_.end() && now - found->second < kLogInterval) return true;
    if (found == logged_.end() && logged_.size() >= kMaxCodes) return true;
    logged_[kind] = now;
    return false;
  }

  const PushSettings settings_;
  const PushTarget target_;
  const std::unique_ptr<PushTransfer> transfer_;
  std::atomic<Nanos> give_up_{kNever};

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<Request> waiting_;
  std::size_t waiting_bytes_ = 0, waiting_samples_ = 0;
  std::optional<Request> under_way_;  // its body is read without the lock
  bool stopping_ = false;
  Nanos not_before_ = 0, delay_ = 0;
  Ledger ledger_;
  std::map<int, std::uint64_t> requests_;
  std::uint64_t retried_samples_ = 0, sent_bytes_ = 0;
  Nanos last_success_ = 0;
  bool in_trouble_ = false;  // and said so
  std::map<int, Nanos> logged_;
  Nanos overflow_logged_ = 0;
  std::minstd_rand random_;
};

Push::Push(std::unique_ptr<Sender> sender) : sender_(std::move(sender)) {
  // Its thread takes no signal: the process's own are for others, and SIGPIPE is for no one.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([sender = sender_.get()] { sender->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Push::~Push() { stop(std::chrono::milliseconds{0}); }

Result<std::unique_ptr<Push>> Push::start(PushSettings settings) {
  auto target = check_push_settings(settings);
  if (!target) return tl::unexpected(target.error());
  auto transfer = PushTransfer::make(settings, *target);
  if (!transfer) return tl::unexpected(transfer.error());
  return std::unique_ptr<Push>(new Push(
      std::make_unique<Sender>(std::move(settings), std::move(*target), std::move(*transfer))));
}

void Push::submit(std::string body, std::size_t samples) {
  sender_->submit({std::move(body), samples});
}

PushReadings Push::readings() const { return sender_->readings(); }

PushProtocol Push::protocol() const { return push_protocol(sender_->settings().url); }

const std::string& Push::target() const { return sender_->target().shown; }

void Push::stop(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return;
  sender_->stop(patience);
  thread_.join();
  if (const auto lost = readings().ledger.get(Count::kPushLostClosed); lost > 0) {
    log_warning("push to " + target() + ": " + std::to_string(lost) +
                " samples could not be delivered before the end");
  }
}

}  // namespace weir
