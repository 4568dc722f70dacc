// Push: requests full of samples, sent to one server by a thread of its own. What cannot be sent
// now waits, with the time stamps it has, in a queue of bounded size: after 429, 5xx, and where
// there was no answer, it is sent again after a while, in the order of arrival. Other answers than
// 2xx refuse it for good. When the queue is full the oldest goes. Nothing of it blocks the
// producer, and every sample is in the ledger.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "base/ledger.h"
#include "base/result.h"
#include "base/time.h"
#include "metrics/ledger_totals.h"
#include "output/push_settings.h"

namespace weir {

// Consistent in itself.
struct PushReadings {
  LedgerTotals ledger;  // stage push alone
  // By the answer's status; 0: there was none. What lies beyond a bound is under kOtherCodes.
  static constexpr int kOtherCodes = -1;
  std::map<int, std::uint64_t> requests;
  std::uint64_t retried_samples = 0;  // once for each time they were sent again
  std::uint64_t sent_bytes = 0;       // of bodies, of those that were taken
  std::uint64_t queue_bytes = 0, queue_requests = 0;
  std::uint64_t queue_limit_bytes = 0;
  Nanos last_success = 0;  // wall clock; 0: none yet
};

class Push {
 public:
  // Begins no connection before there is something to send.
  static Result<std::unique_ptr<Push>> start(PushSettings settings);
  ~Push();  // stop(), without patience

  // Any thread. The body is as a request of SeriesSet, text compressed by gzip. After stop() it is
  // lost{closed}.
  void submit(std::string body, std::size_t samples);
  PushReadings readings() const;
  PushProtocol protocol() const;
  // The URL, without credentials.
  const std::string& target() const;
  // Sends what waits, for no longer than `patience`; what is left then is lost{closed}, and
  // said. Once.
  void stop(std::chrono::milliseconds patience);

 private:
  class Sender;
  explicit Push(std::unique_ptr<Sender> sender);

  std::unique_ptr<Sender> sender_;
  std::thread thread_;
};

}  // namespace weir
