// ConnectionProgram: the kernel programs that follow TCP connections (bpf/connections.bpf.c). They
// are attached for as long as it lives, in every network namespace. For one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "abi/connection.h"
#include "base/fd.h"
#include "base/result.h"
#include "kernel/ring_buffer.h"

struct bpf_link;
struct bpf_program;
struct connections_bpf;

namespace weir {

struct ConnectionProgramOptions {
  // An event also when a connection is made, not only when it ends.
  bool tell_established = true;
};

class ConnectionProgram {
 public:
  // Needs BTF, CAP_BPF and CAP_PERFMON.
  static Result<std::unique_ptr<ConnectionProgram>> load(const ConnectionProgramOptions& options);
  ~ConnectionProgram();
  ConnectionProgram(const ConnectionProgram&) = delete;
  ConnectionProgram& operator=(const ConnectionProgram&) = delete;

  // Connections that are older than the programs, of this thread's network namespace, are followed
  // from now on.
  Result<> find_older() const;
  // Looks for the processes that have connections open, where the kernel did not tell: looks at
  // every open file of the host.
  Result<> find_owners() const;

  using Event = std::function<void(const connection_event&)>;
  // What has happened since the last call, in order; how many. events_fd() is readable when much
  // waits.
  std::uint64_t take_events(const Event& visit);
  int events_fd() const { return events_->fd(); }
  // Of all kinds: events that there were, and those of them that found no room.
  connection_event_counts event_counts() const;

  // Every connection and listener that lives, in no order.
  Result<> read(const std::function<void(const connection_record&)>& visit) const;

 private:
  struct Unload {
    void operator()(connections_bpf* skeleton) const;
  };
  struct Detach {
    void operator()(bpf_link* link) const;
  };
  using Link = std::unique_ptr<bpf_link, Detach>;

  ConnectionProgram() = default;
  Result<> attach();
  Result<Link> attach_iterator(bpf_program* program, int map_fd) const;

  std::unique_ptr<connections_bpf, Unload> skeleton_;
  std::vector<Link> links_;
  Link reader_, finder_, owners_;
  std::unique_ptr<Event> visit_;  // of the call of take_events() that is under way
  std::optional<RingBuffer> events_;
};

}  // namespace weir
