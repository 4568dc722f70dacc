#include "output/record_queue.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/fd.h"

namespace weir {
namespace {

constexpr std::size_t kFlushBytes = 64 * 1024;
constexpr std::size_t kSpareBatches = 16;
constexpr std::size_t kSpareBytes = 4 * kFlushBytes;  // a batch that grew beyond this is freed
constexpr auto kClosedCheck = std::chrono::milliseconds(500);
constexpr auto kLinger = std::chrono::milliseconds(50);
constexpr int kRoomCheckMs = 20;
// What a writer that waits for room needs to see that it shall not.
constexpr auto kStopTime = std::chrono::milliseconds(200);

// A pipe whose reader has gone: known without writing to it.
bool reader_is_gone(int fd) {
  pollfd entry{fd, 0, 0};
  return poll(&entry, 1, 0) > 0 && (entry.revents & (POLLERR | POLLHUP)) != 0;
}

// A pipe takes so much as a whole or not at all; no more is written at once, so that the last line
// a reader gets is a whole one. Anything else takes all there is.
std::size_t piece_of(int fd) {
  struct stat status{};
  return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) ? PIPE_BUF : SIZE_MAX;
}

// Returns how many bytes were written: all, unless there is an `error`, or it is stopped while
// there is no room.
std::size_t write_all(int fd, std::string_view text, const std::atomic<bool>& stopped, int& error) {
  std::size_t written = 0;
  error = 0;
  while (written < text.size()) {
    pollfd entry{fd, POLLOUT, 0};
    if (poll(&entry, 1, kRoomCheckMs) == 0) {
      if (stopped) return written;
      continue;
    }
    const ssize_t count = ::write(fd, text.data() + written, text.size() - written);
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
      continue;
    }
    // EAGAIN: whoever gave us the descriptor made it non-blocking.
    if (errno == EINTR || errno == EAGAIN) continue;
    error = errno;
    return written;
  }
  return written;
}

}  // namespace

struct RecordQueue::Batch {
  struct Mark {
    Nanos order;      // never less than the one before, within a worker
    std::size_t end;  // of the line in text
  };
  std::uint32_t producer = 0;
  std::string text;
  std::vector<Mark> marks;

  std::size_t lines_within(std::size_t bytes) const {
    const auto cut = std::partition_point(marks.begin(), marks.end(),
                                          [&](const Mark& mark) { return mark.end <= bytes; });
    return static_cast<std::size_t>(cut - marks.begin());
  }
};

struct RecordQueue::State {
  using Batches = std::vector<std::unique_ptr<Batch>>;

  explicit State(Settings from)
      : settings(std::move(from)),
        output(fcntl(settings.fd, F_DUPFD_CLOEXEC, 0)),
        piece(piece_of(settings.fd)) {
    if (!output.valid()) stop(errno);
  }

  void push(std::unique_ptr<Batch>& batch);
  std::unique_ptr<Batch> fresh_batch(std::uint32_t producer);
  void recycle(std::unique_ptr<Batch> batch);
  void give_up();
  void run();
  Batches next_batches();
  void write(Batches& batches);
  void write(const Batch& batch);
  void merge(const Batches& batches, Batch& into) const;
  void account(std::size_t written, std::size_t lost, std::size_t bytes);
  void stop(int error);

  const Settings settings;
  // A descriptor of our own: a thread that was given up must not write to what took its number.
  Fd output;
  const std::size_t piece;  // written at once
  mutable std::mutex mutex;
  std::condition_variable filled, drained, ended;
  // Under the mutex:
  Batches queued, spare;
  std::size_t bytes = 0;      // of batches queued or being written
  std::uint64_t pending = 0;  // lines of those
  std::uint32_t producers = 0;
  bool finishing = false, done = false, abandoned = false;
  std::optional<Error> error;
  Ledger ledger;
  std::atomic<bool> stopped{false};
  Batch merged;  // the writing thread's own
};

std::unique_ptr<RecordQueue::Batch> RecordQueue::State::fresh_batch(std::uint32_t producer) {
  std::unique_ptr<Batch> batch;
  if (spare.empty()) {
    batch = std::make_unique<Batch>();
  } else {
    batch = std::move(spare.back());
    spare.pop_back();
  }
  batch->producer = producer;
  return batch;
}

void RecordQueue::State::recycle(std::unique_ptr<Batch> batch) {
  batch->text.clear();
  batch->marks.clear();
  if (spare.size() < kSpareBatches && batch->text.capacity() <= kSpareBytes) {
    spare.push_back(std::move(batch));
  }
}

// Takes the batch and leaves an empty one.
void RecordQueue::State::push(std::unique_ptr<Batch>& batch) {
  const std::size_t size = batch->text.size();
  const std::size_t lines = batch->marks.size();
  std::unique_lock lock(mutex);
  const auto fits = [&] { return bytes == 0 || bytes + size <= settings.capacity_bytes; };
  const auto gone = [&] { return stopped || finishing; };
  if (settings.wait_when_full) drained.wait(lock, [&] { return fits() || gone(); });
  ledger.add(Count::kQueueSeen, lines);
  if (gone() || !fits()) {
    ledger.add(gone() ? Count::kQueueLostClosed : Count::kQueueLostOverflow, lines);
    batch->text.clear();
    batch->marks.clear();
    return;
  }
  bytes += size;
  pending += lines;
  const std::uint32_t producer = batch->producer;
  queued.push_back(std::move(batch));
  batch = fresh_batch(producer);
  filled.notify_one();
}

// Empty: nothing more will come.
RecordQueue::State::Batches RecordQueue::State::next_batches() {
  std::unique_lock lock(mutex);
  while (!filled.wait_for(lock, kClosedCheck, [&] { return !queued.empty() || finishing; })) {
    lock.unlock();
    if (!stopped && reader_is_gone(output.get())) stop(EPIPE);
    lock.lock();
  }
  // Several workers: give the others a moment, so that the lines can be put in order.
  if (producers > 1 && !finishing && bytes < settings.capacity_bytes / 4) {
    filled.wait_for(lock, kLinger,
                    [&] { return finishing || bytes >= settings.capacity_bytes / 4; });
  }
  return std::exchange(queued, {});
}

void RecordQueue::State::merge(const Batches& batches, Batch& into) const {
  struct Line {
    Nanos order;
    std::uint32_t producer;
    std::size_t position;  // a worker's lines keep their order
    std::string_view text;
  };
  std::vector<Line> lines;
  for (const auto& batch : batches) {
    std::size_t begin = 0;
    for (const auto& mark : batch->marks) {
      const std::string_view text(batch->text);
      lines.push_back(
          {mark.order, batch->producer, lines.size(), text.substr(begin, mark.end - begin)});
      begin = mark.end;
    }
  }
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return std::tie(a.order, a.producer, a.position) < std::tie(b.order, b.producer, b.position);
  });
  for (const Line& line : lines) {
    into.text += line.text;
    into.marks.push_back({line.order, into.text.size()});
  }
}

void RecordQueue::State::account(std::size_t written, std::size_t lost, std::size_t size) {
  const std::lock_guard lock(mutex);
  if (abandoned) return;  // counted as lost already
  ledger.add(Count::kQueueDelivered, written);
  ledger.add(Count::kQueueLostClosed, lost);
  pending -= written + lost;
  bytes -= size;
  drained.notify_all();
}

void RecordQueue::State::stop(int reason) {
  const std::lock_guard lock(mutex);
  if (stopped.exchange(true)) return;
  if (reason != EPIPE && reason != 0) {
    error = Error{"write the records to standard output (free space or choose another output)",
                  {reason, std::generic_category()}};
  }
  drained.notify_all();
}

void RecordQueue::State::write(const Batch& batch) {
  const std::string_view text = batch.text;
  std::size_t begin = 0;
  for (std::size_t line = 0; line < batch.marks.size();) {
    const std::size_t first = line++;
    while (line < batch.marks.size() && batch.marks[line].end - begin <= piece) ++line;
    const std::size_t end = batch.marks[line - 1].end;
    int reason = 0;
    const std::size_t written =
        stopped ? 0 : write_all(output.get(), text.substr(begin, end - begin), stopped, reason);
    const std::size_t lines = batch.lines_within(begin + written) - first;
    if (reason != 0) stop(reason);
    account(lines, line - first - lines, end - begin);
    begin = end;
  }
}

void RecordQueue::State::write(Batches& batches) {
  const bool several = std::any_of(batches.begin(), batches.end(), [&](const auto& batch) {
    return batch->producer != batches[0]->producer;
  });
  if (several) {
    merge(batches, merged);
    write(merged);
    merged = Batch();
  } else {
    for (const auto& batch : batches) write(*batch);
  }
  const std::lock_guard lock(mutex);
  for (auto& batch : batches) recycle(std::move(batch));
}

void RecordQueue::State::run() {
  // A closed pipe is then an error of write() and kills nobody; only for this thread.
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
  int reason = 0;
  if (!stopped) write_all(output.get(), settings.header, stopped, reason);
  if (reason != 0) stop(reason);
  for (Batches batches = next_batches(); !batches.empty(); batches = next_batches()) {
    write(batches);
  }
  const std::lock_guard lock(mutex);
  output.reset();
  done = true;
  ended.notify_all();
}

// Under the mutex: what the reader has not taken is lost.
void RecordQueue::State::give_up() {
  abandoned = true;
  stopped = true;
  ledger.add(Count::kQueueLostClosed, pending);
  pending = 0;
  bytes = 0;
}

RecordQueue::Lines::Lines(std::shared_ptr<State> state, std::uint32_t producer)
    : state_(std::move(state)), batch_(std::make_unique<Batch>()), producer_(producer) {
  batch_->producer = producer_;
}
RecordQueue::Lines::Lines(Lines&&) noexcept = default;
RecordQueue::Lines& RecordQueue::Lines::operator=(Lines&&) noexcept = default;
RecordQueue::Lines::~Lines() = default;

std::string& RecordQueue::Lines::text() { return batch_->text; }

void RecordQueue::Lines::end_line(Nanos completed) noexcept {
  last_order_ = std::max(last_order_, completed);
  batch_->marks.push_back({last_order_, batch_->text.size()});
  if (batch_->text.size() >= kFlushBytes) flush();
}

void RecordQueue::Lines::flush() noexcept {
  if (!batch_->marks.empty()) state_->push(batch_);
}

RecordQueue::RecordQueue(Settings settings)
    : state_(std::make_shared<State>(std::move(settings))),
      thread_([state = state_] { state->run(); }) {}

RecordQueue::~RecordQueue() { (void)finish(std::chrono::milliseconds(0)); }

RecordQueue::Lines RecordQueue::lines() {
  const std::lock_guard lock(state_->mutex);
  return Lines(state_, state_->producers++);
}

bool RecordQueue::stopped() const { return state_->stopped; }

Result<> RecordQueue::finish(std::chrono::milliseconds patience) {
  if (thread_.joinable()) {
    // Bounded, because a deadline is computed from it.
    patience = std::min<std::chrono::milliseconds>(patience, std::chrono::hours(24 * 365));
    std::unique_lock lock(state_->mutex);
    state_->finishing = true;
    state_->filled.notify_all();
    state_->drained.notify_all();
    const auto done = [&] { return state_->done; };
    bool in_time = state_->ended.wait_for(lock, patience, done);
    if (!in_time) {
      state_->stopped = true;
      in_time = state_->ended.wait_for(lock, kStopTime, done);
    }
    if (!in_time) state_->give_up();
    lock.unlock();
    // A thread that hangs in write() cannot be joined; it owns all it uses.
    if (in_time) {
      thread_.join();
    } else {
      thread_.detach();
    }
  }
  const std::lock_guard lock(state_->mutex);
  if (state_->error) return tl::unexpected<Error>(*state_->error);
  return {};
}

void RecordQueue::add_to(LedgerTotals& totals) const {
  const std::lock_guard lock(state_->mutex);
  totals.add(state_->ledger);
  totals.add_pending(Stage::kQueue, state_->pending);
}

}  // namespace weir
