#include "lens/connections.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "kernel/network_namespaces.h"

namespace weir {
namespace {

// Looking at every open file of the host is dear.
constexpr Nanos kOwnersInterval = 10 * kSecond;

IpAddress address_of(const __u64 (&words)[2]) {
  IpAddress address;
  std::memcpy(address.bytes.data(), words, address.bytes.size());
  return address;
}

ConnectionProcess process_of(const connection_owner& owner) {
  ConnectionProcess process;
  process.source = static_cast<ProcessSource>(owner.source);
  process.pid = owner.pid;
  process.cgroup = owner.cgroup;
  process.name = std::string_view(owner.name, strnlen(owner.name, sizeof owner.name));
  return process;
}

ConnectionCounts counts_of(const connection_record& record) {
  const connection_counters& from = record.counters;
  const connection_state& life = record.life;
  ConnectionCounts counts;
  counts.bytes_sent = from.bytes_sent;
  counts.bytes_received = from.bytes_received;
  counts.bytes_retransmitted = from.bytes_retransmitted;
  counts.segments_sent = from.segments_out;
  counts.segments_received = from.segments_in;
  counts.segments_retransmitted = from.segments_retransmitted;
  counts.fast = life.fast;
  counts.timeout = life.timeout;
  counts.tail_loss_probe = life.tail_probe;
  counts.other = life.other;
  counts.syn = life.syn;
  counts.fin = life.fin;
  counts.lost = from.lost;
  counts.out_of_order = from.out_of_order;
  counts.dsack_duplicates = from.dsack_duplicates;
  counts.reordering_seen = from.reordering_seen;
  return counts;
}

// The socket knows no round trip yet.
constexpr std::uint32_t kNoMinimum = ~0U;

CloseReason reason_of(const connection_event& event) {
  if (event.kind == CONNECTION_ESTABLISHED) return CloseReason::kNone;
  const connection_record& record = event.record;
  switch (record.error) {
    case ECONNREFUSED:
      return CloseReason::kRefused;
    case ETIMEDOUT:
      return CloseReason::kTimedOut;
    case EHOSTUNREACH:
    case ENETUNREACH:
      return CloseReason::kUnreachable;
    default:
      break;
  }
  if (record.life.reset_received) return CloseReason::kResetReceived;
  if (record.life.reset_sent) return CloseReason::kResetSent;
  if (record.error != 0) return CloseReason::kError;
  return event.kind == CONNECTION_FAILED ? CloseReason::kGivenUp : CloseReason::kFin;
}

}  // namespace

Connection Connections::connection_of(const connection_record& record) {
  Connection connection;
  connection.cookie = record.cookie;
  connection.network_namespace = record.network_namespace;
  connection.local = {address_of(record.source), record.source_port};
  connection.remote = {address_of(record.destination), record.destination_port};
  const connection_state& life = record.life;
  connection.role = static_cast<ConnectionRole>(life.role);
  if (life.role == CONNECTION_ROLE_UNKNOWN) {
    const auto known = known_.find(record.cookie);
    if (known != known_.end()) connection.role = known->second.role;
  }
  connection.state = static_cast<TcpState>(record.state);
  connection.process = process_of(life.owner);
  connection.process.container = containers_.find(life.owner.cgroup, life.owner.pid).container;
  connection.counts = counts_of(record);
  const auto time = [&](std::uint64_t at) { return static_cast<Nanos>(at) + clock_offset_; };
  if (life.born != 0) connection.born = time(life.born);
  if (life.established != 0) connection.established = time(life.established);
  if (life.handshake != 0) connection.handshake_ns = static_cast<Nanos>(life.handshake);
  const connection_counters& counters = record.counters;
  connection.srtt_ns = counters.srtt_us * kMicrosecond;
  connection.rttvar_ns = counters.rttvar_us * kMicrosecond;
  if (counters.min_rtt_us != kNoMinimum) connection.min_rtt_ns = counters.min_rtt_us * kMicrosecond;
  connection.cwnd = counters.cwnd;
  connection.ssthresh = counters.ssthresh;
  connection.mss = counters.mss;
  connection.send_queue = counters.send_queue;
  connection.receive_queue = counters.receive_queue;
  connection.send_window = counters.send_window;
  connection.receive_window = counters.receive_window;
  return connection;
}

Connections::Connections(std::unique_ptr<ConnectionProgram> program,
                         const ConnectionsOptions& options)
    : program_(std::move(program)),
      containers_(options.root),
      clock_offset_(wall_clock_now() - monotonic_now()),
      last_tick_(monotonic_now()) {}

Result<std::unique_ptr<Connections>> Connections::open(const ConnectionsOptions& options) {
  auto program = ConnectionProgram::load({});
  if (!program) return tl::unexpected(program.error());
  std::unique_ptr<Connections> lens(new Connections(std::move(*program), options));
  if (Result<> found = lens->find_older(); !found) return tl::unexpected(found.error());
  return lens;
}

// What older ones have counted until now is of no interval. Those whose port this host listens at
// were accepted, as far as can be told.
Result<> Connections::find_older() {
  Result<> found{};
  in_network_namespaces(
      [&] {
        if (Result<> here = program_->find_older(); !here) found = here;
      },
      &skipped_namespaces_);
  if (!found) return found;
  using Listener = std::pair<std::uint32_t, std::uint16_t>;  // network namespace, port
  std::set<Listener> listeners;
  auto read = program_->read([&](const connection_record& record) {
    if (record.life.is_listener) listeners.emplace(record.network_namespace, record.source_port);
  });
  if (!read) return read;
  return program_->read([&](const connection_record& record) {
    if (record.life.is_listener || record.life.born != 0) return;
    const bool serves = listeners.contains({record.network_namespace, record.source_port});
    known_[record.cookie] = {counts_of(record), ticks_,
                             serves ? ConnectionRole::kServer : ConnectionRole::kClient};
  });
}

std::string Connections::warning() const {
  if (skipped_namespaces_ == 0) return {};
  return "in " + std::to_string(skipped_namespaces_) +
         " network namespaces at least, connections that are older than weir are not known (needs "
         "CAP_SYS_ADMIN and CAP_SYS_PTRACE to enter them)";
}

void Connections::tell(const connection_event& event, RecordSink& sink) {
  const connection_record& record = event.record;
  ConnectionEvent told;
  told.time = static_cast<Nanos>(record.time) + clock_offset_;
  told.kind = event.kind == CONNECTION_ESTABLISHED ? ConnectionEventKind::kEstablished
              : event.kind == CONNECTION_CLOSED    ? ConnectionEventKind::kClosed
                                                   : ConnectionEventKind::kFailed;
  told.reason = reason_of(event);
  told.error = record.error;
  if (record.life.born != 0) {
    told.duration_ns = static_cast<Nanos>(record.time) - static_cast<Nanos>(record.life.born);
  }
  told.closed_first = record.life.closed_first;
  told.connection = connection_of(record);
  if (event.kind != CONNECTION_ESTABLISHED) {
    const auto known = known_.find(record.cookie);
    if (known != known_.end()) {
      told.since_sample = told.connection.counts.since(known->second.counts);
      known_.erase(known);
    } else if (record.life.born != 0) {
      told.since_sample = told.connection.counts;
    }
  }
  ledger_.add(Count::kConnectionsDelivered);
  sink.on(told);
}

void Connections::take_events(RecordSink& sink, Nanos patience) {
  program_->take_events([&](const connection_event& event) {
    const connection_owner& owner = event.record.life.owner;
    if (waiting_.empty() && containers_.find(owner.cgroup, owner.pid).known) {
      tell(event, sink);
    } else {
      waiting_.push_back(event);
    }
  });
  const Nanos now = monotonic_now();
  for (; !waiting_.empty(); waiting_.pop_front()) {
    const connection_record& record = waiting_.front().record;
    if (now - static_cast<Nanos>(record.time) < patience &&
        !containers_.find(record.life.owner.cgroup, record.life.owner.pid).known) {
      break;
    }
    tell(waiting_.front(), sink);
  }
  update_ledger();
}

void Connections::take_events(RecordSink& sink) { take_events(sink, kPatience); }
void Connections::take_last_events(RecordSink& sink) { take_events(sink, 0); }

void Connections::update_ledger() {
  const connection_event_counts counts = program_->event_counts();
  ledger_.set(Count::kConnectionsSeen, counts.seen);
  ledger_.set(Count::kConnectionsLostBurst, counts.lost);
}

void Connections::tell(const connection_record& record, RecordSink& sink, Nanos now) {
  if (record.life.is_listener || record.state == 0) return;
  const auto [found, added] = known_.try_emplace(record.cookie);
  Known& known = found->second;
  ConnectionSample sample;
  sample.time = now + clock_offset_;
  sample.connection = connection_of(record);
  const ConnectionCounts& counts = sample.connection.counts;
  const auto born = static_cast<Nanos>(record.life.born);
  sample.interval_ns = now - std::max(born, last_tick_);
  if (!added || born != 0) sample.in_interval = counts.since(known.counts);
  known.counts = counts;
  known.tick = ticks_;
  sink.on(sample);
}

Result<> Connections::tick(RecordSink& sink) {
  const Nanos now = monotonic_now();
  clock_offset_ = wall_clock_now() - now;
  take_events(sink);
  if (now >= next_owners_) {
    if (auto owners = program_->find_owners(); !owners) return owners;
    next_owners_ = now + kOwnersInterval;
  }
  ++ticks_;
  auto read = program_->read([&](const connection_record& record) { tell(record, sink, now); });
  last_tick_ = now;
  // Those whose end was lost: not there twice, and no event waits.
  if (waiting_.empty()) {
    absl::erase_if(known_, [&](const auto& entry) { return ticks_ - entry.second.tick > 1; });
  }
  return read;
}

}  // namespace weir
