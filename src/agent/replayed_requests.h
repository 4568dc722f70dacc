// ReplayedRequests: capture files into one worker, on a thread of its own, as fast as it goes.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "agent/requests_worker.h"
#include "base/fd.h"
#include "packet/capture_files.h"
#include "packet/pcap_filter.h"

namespace weir {

class ReplayedRequests {
 public:
  // `worker` and `enough` (no more records are wanted) must outlive it.
  static Result<std::unique_ptr<ReplayedRequests>> open(const RequestsSettings& settings,
                                                        RequestsWorker& worker,
                                                        const std::atomic<bool>& enough);
  ~ReplayedRequests() { stop(); }
  ReplayedRequests(const ReplayedRequests&) = delete;
  ReplayedRequests& operator=(const ReplayedRequests&) = delete;

  void start();
  // Readable once the input has ended.
  int done_fd() const { return done_.get(); }
  int control_fd() const { return -1; }
  void on_control() {}
  void on_tick(Nanos) {}
  // Ends the reading, reports what is open, and waits for the thread.
  void stop();
  // After stop(): what was wrong with the input.
  Result<> result() const;

 private:
  ReplayedRequests(RequestsWorker& worker, const std::atomic<bool>& enough);
  void read();

  RequestsWorker& worker_;
  const std::atomic<bool>& enough_;
  std::vector<std::string> paths_;
  std::optional<CaptureFiles> files_;
  std::optional<PcapFilter> filter_;
  Fd done_, stop_;
  bool from_pipe_ = false;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  Result<> result_;
};

}  // namespace weir
