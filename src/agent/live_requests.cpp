#include "agent/live_requests.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <string>

#include "base/log.h"
#include "kernel/interface.h"

namespace weir {
namespace {

constexpr std::chrono::milliseconds kPollTimeout{100};
// How far the rings may lag behind the clock when they look empty.
constexpr Nanos kRingLag = 50 * kMillisecond;
constexpr Nanos kStatisticsInterval = 200 * kMillisecond;
constexpr Nanos kAddressInterval = 10 * kSecond;

// "10.0.0.1/24" without its prefix length.
bool parse_address(const std::string& text, IpAddress& address) {
  const std::string bare = text.substr(0, text.find('/'));
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, bare.c_str(), bytes) == 1) {
    address = IpAddress::v4(bytes);
  } else if (inet_pton(AF_INET6, bare.c_str(), bytes) == 1) {
    address = IpAddress::v6(bytes);
  } else {
    return false;
  }
  return true;
}

// What the kernel keeps back was seen, too.
void count_filtered(Ledger& ledger, Count count, std::uint64_t total) {
  const std::uint64_t known = ledger.get(count);
  if (total <= known) return;
  ledger.add(Count::kCaptureSeen, total - known);
  ledger.set(count, total);
}

// What the kernel itself counts.
void count_kernel(CaptureRing& ring, const CaptureProgram* program, RequestsCounters& counters) {
  Ledger& ledger = counters.ledger;
  if (program != nullptr) {
    const FilteredPackets filtered = program->filtered();
    count_filtered(ledger, Count::kCaptureFilteredExpression, filtered.expression);
    count_filtered(ledger, Count::kCaptureFilteredOpaque, filtered.opaque);
    counters.shortened_packets.set(filtered.shortened);
    counters.spared_bytes.set(filtered.spared_bytes);
  }
  const std::uint64_t drops = ring.statistics().drops;
  const std::uint64_t known = ledger.get(Count::kCaptureLostKernel);
  ledger.add(Count::kCaptureSeen, drops - known);
  ledger.set(Count::kCaptureLostKernel, drops);
}

std::string names_of(const CaptureGroup& group) {
  std::string names;
  for (const auto& [index, name] : group.captured()) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "no interface yet" : names;
}

}  // namespace

Result<std::unique_ptr<LiveRequests>> LiveRequests::open(const RequestsSettings& settings) {
  CaptureOptions options;
  options.interfaces = settings.interfaces;
  options.filter = settings.filter;
  options.promiscuous = settings.promiscuous;
  options.decapsulate = settings.decapsulate;
  options.ring_bytes = settings.ring_bytes;
  if (settings.workers > 0) options.workers = settings.workers;
  Result<std::unique_ptr<CaptureGroup>> group = CaptureGroup::open(options);
  if (!group) return tl::unexpected<Error>(group.error());
  std::unique_ptr<LiveRequests> live(new LiveRequests);
  live->group_ = std::move(*group);
  if (const CaptureProgram* program = live->group_->program(); program && settings.copy_needed) {
    live->copies_.assign(
        live->group_->workers(),
        CopyVerdicts(program->verdicts(), program->hash_seed(), settings.decapsulate));
  }
  for (std::size_t i = 0; live->group_->expression_is_left() && i < live->group_->workers(); ++i) {
    auto filter = PcapFilter::compile(settings.filter, Frame::kNetworkLayer);
    if (!filter) return tl::unexpected<Error>(filter.error());
    live->filters_.push_back(std::move(*filter));
  }
  live->refresh_addresses();
  if (!live->group_->warning().empty()) log_warning(live->group_->warning());
  const std::size_t workers = live->group_->workers();
  log_info("watching " + names_of(*live->group_) + " with " + std::to_string(workers) +
           (workers == 1 ? " worker" : " workers"));
  return live;
}

void LiveRequests::start(std::vector<std::unique_ptr<RequestsWorker>>& workers) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    // The filter counts for all of them together.
    const CaptureProgram* counted = i == 0 ? group_->program() : nullptr;
    workers[i]->counters().ring_bytes.set(group_->ring(i).ring_bytes());
    PcapFilter* filter = filters_.empty() ? nullptr : &filters_[i];
    threads_.emplace_back(work, std::ref(group_->ring(i)), filter, counted, std::ref(*workers[i]));
  }
}

void LiveRequests::work(CaptureRing& ring, PcapFilter* filter, const CaptureProgram* counted,
                        RequestsWorker& worker) {
  // Not sooner than it must: a watcher that preempts what it watches slows it down. Nothing is lost
  // by that; niceness and SCHED_IDLE on the other hand starve it.
  const sched_param none{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
  RequestsLens& lens = worker.lens();
  RequestsCounters& counters = worker.counters();
  Nanos next_statistics = 0;
  for (;;) {
    Nanos newest = 0;
    const CaptureRing::Event event = ring.poll(kPollTimeout, [&](const Frame& frame) {
      newest = frame.time;
      if (filter && !filter->matches(frame)) {
        counters.ledger.add(Count::kCaptureSeen);
        counters.ledger.add(Count::kCaptureFilteredExpression);
        return;
      }
      lens.on(frame);
    });
    const Nanos now = wall_clock_now();
    if (newest > 0) {
      counters.lag_ns.set(static_cast<std::uint64_t>(std::max<Nanos>(now - newest, 0)));
    }
    if (event == CaptureRing::Event::kStopped) break;
    if (event == CaptureRing::Event::kNone) {
      counters.lag_ns.set(0);
      lens.on_time(now - kRingLag);
    }
    worker.flush();
    if (now >= next_statistics) {
      count_kernel(ring, counted, counters);
      next_statistics = now + kStatisticsInterval;
    }
  }
  count_kernel(ring, counted, counters);
  lens.finish();
  worker.flush();
}

void LiveRequests::on_control() {
  const Result<CaptureChanges> changes = group_->on_readable();
  if (!changes) {
    log_warning(changes.error().text());
    return;
  }
  for (const std::string& name : changes->began) log_info("watching " + name);
  for (const std::string& name : changes->ended) log_info(name + " is gone");
  next_refresh_ = 0;
}

void LiveRequests::on_tick(Nanos now) {
  if (now < next_refresh_) return;
  refresh_addresses();
  next_refresh_ = now + kAddressInterval;
}

void LiveRequests::refresh_addresses() {
  const Result<std::vector<Interface>> interfaces = list_interfaces();
  if (!interfaces) return;  // the old ones stay: only a metric's label depends on them
  std::vector<IpAddress> addresses;
  for (const Interface& interface : *interfaces) {
    for (const std::string& text : interface.addresses) {
      IpAddress address;
      if (parse_address(text, address)) addresses.push_back(address);
    }
  }
  local_.replace(std::move(addresses));
}

void LiveRequests::stop() {
  if (threads_.empty()) return;
  // Let the kernel hand over the packets it has captured so far.
  std::this_thread::sleep_for(2 * CaptureRing::kBlockTime);
  group_->stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace weir
