// RecordQueue: finished lines from the workers to one file descriptor. Workers hand over batches; a
// thread of the queue writes them, whole lines only. Memory is bounded: when the reader is slow, a
// live queue drops whole batches and counts them, a waiting one (reading a file) holds the worker.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "metrics/ledger_totals.h"

namespace weir {

class RecordQueue {
  struct Batch;
  struct State;

 public:
  struct Settings {
    int fd = STDOUT_FILENO;                 // not owned
    std::size_t capacity_bytes = 8u << 20;  // of all batches together
    bool wait_when_full = false;
    std::string header{};  // written before all records; not counted
  };

  // One worker's side of the queue. Not shared between threads; may outlive the queue.
  class Lines {
   public:
    Lines(Lines&&) noexcept;
    Lines& operator=(Lines&&) noexcept;
    ~Lines();

    // Render one line here, its '\n' included, then call end_line().
    std::string& text();
    // `completed` orders the lines of several workers, as far as they meet in one write.
    void end_line(Nanos completed) noexcept;
    // Hands over what has gathered. To be called at batch boundaries, at least every 500 ms.
    void flush() noexcept;

   private:
    friend class RecordQueue;
    Lines(std::shared_ptr<State> state, std::uint32_t producer);

    std::shared_ptr<State> state_;
    std::unique_ptr<Batch> batch_;
    std::uint32_t producer_;
    Nanos last_order_ = 0;
  };

  explicit RecordQueue(Settings settings);
  ~RecordQueue();  // finish(), without patience

  Lines lines();
  // The output was closed by its reader or failed: nothing more will be written.
  bool stopped() const;
  // Writes what has been flushed and ends the thread; waits no longer than `patience` for a reader
  // that does not read. An error is one of writing (a full disk); a closed pipe is none.
  Result<> finish(std::chrono::milliseconds patience);
  // Adds the stage of this queue, consistent in itself.
  void add_to(LedgerTotals& totals) const;

 private:
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace weir
