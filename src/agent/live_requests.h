// LiveRequests: packets of the network into the workers, each on a thread of its own. Used by one
// control thread.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "agent/requests_worker.h"
#include "lens/local_addresses.h"
#include "packet/capture_group.h"
#include "packet/copy_verdicts.h"
#include "packet/pcap_filter.h"

namespace weir {

class LiveRequests {
 public:
  // Capture runs when it returns; packets wait in the rings until start().
  static Result<std::unique_ptr<LiveRequests>> open(const RequestsSettings& settings);
  ~LiveRequests() { stop(); }
  LiveRequests(const LiveRequests&) = delete;
  LiveRequests& operator=(const LiveRequests&) = delete;

  std::size_t worker_count() const { return group_->workers(); }
  // Of this worker; null where everything is to be copied.
  CopyVerdicts* copy_verdicts(std::size_t worker) {
    return copies_.empty() ? nullptr : &copies_[worker];
  }
  const LocalAddresses& local_addresses() const { return local_; }
  // One worker per ring; they must outlive this.
  void start(std::vector<std::unique_ptr<RequestsWorker>>& workers);

  int done_fd() const { return -1; }  // live input does not end by itself
  int control_fd() const { return group_->fd(); }
  void on_control();
  void on_tick(Nanos now);
  // Ends the capture, reports what is open, and waits for the threads.
  void stop();

 private:
  LiveRequests() = default;
  static void work(CaptureRing& ring, PcapFilter* filter, const CaptureProgram* counted,
                   RequestsWorker& worker);
  void refresh_addresses();

  std::unique_ptr<CaptureGroup> group_;
  std::vector<CopyVerdicts> copies_;  // by worker
  std::vector<PcapFilter> filters_;   // by worker, where the kernel does not take the expression
  LocalAddresses local_;
  Nanos next_refresh_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace weir
