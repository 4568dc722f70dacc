#include "agent/replayed_requests.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace weir {
namespace {

constexpr std::uint32_t kFlushFrames = 1024;

void signal(const Fd& event) {
  const std::uint64_t one = 1;
  (void)!::write(event.get(), &one, sizeof one);
}

// Nothing more to read for now: what has been found should not wait.
bool input_waits() {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  return ::poll(&in, 1, 0) == 0;
}

}  // namespace

ReplayedRequests::ReplayedRequests(RequestsWorker& worker, const std::atomic<bool>& enough)
    : worker_(worker),
      enough_(enough),
      done_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Result<std::unique_ptr<ReplayedRequests>> ReplayedRequests::open(const RequestsSettings& settings,
                                                                 RequestsWorker& worker,
                                                                 const std::atomic<bool>& enough) {
  std::unique_ptr<ReplayedRequests> replay(new ReplayedRequests(worker, enough));
  if (!settings.filter.empty()) {
    Result<PcapFilter> filter = PcapFilter::compile(settings.filter);
    if (!filter) return tl::unexpected<Error>(filter.error());
    replay->filter_.emplace(std::move(*filter));
  }
  replay->paths_ = settings.files;
  replay->from_pipe_ =
      std::find(settings.files.begin(), settings.files.end(), "-") != settings.files.end();
  return replay;
}

void ReplayedRequests::start() {
  thread_ = std::thread([this] { read(); });
}

// Opening waits for the first bytes of a pipe, so it is done here, where stop() can end it.
void ReplayedRequests::read() {
  Result<CaptureFiles> files = CaptureFiles::open(paths_, stop_.get());
  if (!files) {
    result_ = tl::unexpected<Error>(files.error());
    signal(done_);
    return;
  }
  files_.emplace(std::move(*files));
  Ledger& ledger = worker_.counters().ledger;
  Frame frame;
  ReadResult read = ReadResult::kEnd;
  for (std::uint32_t count = 0;
       !stopping_.load(std::memory_order_relaxed) && !enough_.load(std::memory_order_relaxed);
       ++count) {
    if (count % kFlushFrames == 0 || (from_pipe_ && input_waits())) worker_.flush();
    read = files_->next(frame);
    if (read != ReadResult::kFrame) break;
    if (filter_ && !filter_->matches(frame)) {
      ledger.add(Count::kCaptureSeen);
      ledger.add(Count::kCaptureFilteredExpression);
      continue;
    }
    worker_.lens().on(frame);
  }
  worker_.lens().finish();
  worker_.flush();
  if (read == ReadResult::kError) {
    result_ = tl::unexpected<Error>(files_->error());
  } else if (filter_ && !filter_->error().context.empty()) {
    result_ = tl::unexpected<Error>(filter_->error());
  }
  signal(done_);
}

void ReplayedRequests::stop() {
  stopping_ = true;
  signal(stop_);
  if (thread_.joinable()) thread_.join();
}

Result<> ReplayedRequests::result() const { return result_; }

}  // namespace weir
