// Connections: the connections lens. Every TCP connection of every network namespace, its owner and
// its health, from the kernel's own accounts; nothing runs per packet.
//
// One control thread opens it, serves events_fd() and calls tick().
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "base/ledger.h"
#include "base/result.h"
#include "base/time.h"
#include "kernel/connection_program.h"
#include "kernel/containers.h"
#include "record/record_sink.h"

namespace weir {

struct ConnectionsOptions {
  // Where the host's /proc and /sys/fs/cgroup are; "": those of this process.
  std::string root;
};

class Connections {
 public:
  // Connections are followed when it returns, those included that are older.
  static Result<std::unique_ptr<Connections>> open(const ConnectionsOptions& options = {});

  // Readable when many events wait: take_events() then, and now and then.
  int events_fd() const { return program_->events_fd(); }
  // Tells what has happened since the last call, in order. What belongs to a container that is
  // being looked up waits for a later call, no longer than kPatience.
  void take_events(RecordSink& sink);
  // The same, without waiting for anything: before the end.
  void take_last_events(RecordSink& sink);
  // Ends an interval: takes events, then a sample of every connection that lives, in no order.
  Result<> tick(RecordSink& sink);

  static constexpr Nanos kPatience = 200 * kMillisecond;

  // The stage kConnections; what is neither delivered nor lost waits in the kernel or here. Any
  // thread.
  const Ledger& ledger() const { return ledger_; }
  // Which older connections are not known, and why; empty when all are.
  std::string warning() const;

 private:
  // When a tick saw it last.
  struct Known {
    ConnectionCounts counts;
    std::uint32_t tick = 0;
    ConnectionRole role = ConnectionRole::kUnknown;  // of one that is older than weir
  };

  Connections(std::unique_ptr<ConnectionProgram> program, const ConnectionsOptions& options);
  Result<> find_older();
  void take_events(RecordSink& sink, Nanos patience);
  void update_ledger();
  // Views are of `record`.
  Connection connection_of(const connection_record& record);
  void tell(const connection_event& event, RecordSink& sink);
  void tell(const connection_record& record, RecordSink& sink, Nanos now);

  std::unique_ptr<ConnectionProgram> program_;
  Containers containers_;
  Ledger ledger_;
  std::deque<connection_event> waiting_;
  std::size_t skipped_namespaces_ = 0;
  Nanos clock_offset_ = 0;  // from the monotonic to the wall clock
  Nanos last_tick_ = 0, next_owners_ = 0;
  std::uint32_t ticks_ = 0;
  absl::flat_hash_map<std::uint64_t, Known> known_;  // by cookie
};

}  // namespace weir
