// Connections: the connections lens. Every TCP connection of every network namespace, its owner and
// its health, from the kernel's own accounts; nothing runs per packet.
//
// One control thread opens it, serves events_fd() and calls tick().
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "kernel/connection_program.h"
#include "record/record_sink.h"

namespace weir {

class Connections {
 public:
  // Connections are followed when it returns, those included that are older.
  static Result<std::unique_ptr<Connections>> open();

  // Readable when many events wait: take_events() then, and now and then.
  int events_fd() const { return program_->events_fd(); }
  // Tells what has happened since the last call.
  void take_events(RecordSink& sink);
  // Ends an interval: takes events, then a sample of every connection that lives, in no order.
  Result<> tick(RecordSink& sink);

  // Events that the kernel could not tell, since opening.
  std::uint64_t lost_events() const;
  // Network namespaces whose older connections could not be looked for.
  std::size_t skipped_namespaces() const { return skipped_namespaces_; }

 private:
  // At the last tick.
  struct Known {
    std::uint64_t bytes_sent = 0, bytes_received = 0;
    std::uint32_t retransmitted = 0;
    std::uint32_t tick = 0;
  };

  explicit Connections(std::unique_ptr<ConnectionProgram> program);
  void tell(const connection_event& event, RecordSink& sink);
  void tell(const connection_record& record, RecordSink& sink, Nanos now);

  std::unique_ptr<ConnectionProgram> program_;
  std::size_t skipped_namespaces_ = 0;
  Nanos clock_offset_ = 0;  // from the monotonic to the wall clock
  Nanos last_tick_ = 0, next_owners_ = 0;
  std::uint32_t ticks_ = 0;
  absl::flat_hash_map<std::uint64_t, Known> known_;  // by cookie
};

}  // namespace weir
