// Connection: a TCP connection as the kernel keeps it, as docs/records.md describes it; its life as
// events, and samples of those that live.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "record/address.h"
#include "record/container.h"

namespace weir {

enum class ConnectionRole : std::uint8_t { kUnknown, kClient, kServer };

// As the kernel numbers them.
enum class TcpState : std::uint8_t {
  kUnknown,
  kEstablished,
  kSynSent,
  kSynReceived,
  kFinWait1,
  kFinWait2,
  kTimeWait,
  kClose,
  kCloseWait,
  kLastAck,
  kListen,
  kClosing,
  kNewSynReceived,
};

// Where the process is from.
enum class ProcessSource : std::uint8_t {
  kNone,
  kListener,  // called listen(): whoever accepts may be another
  kCaller,    // called connect() or close()
  kFile,      // has the socket open
};

struct ConnectionProcess {
  ProcessSource source = ProcessSource::kNone;
  std::uint32_t pid = 0;
  std::string_view name;                 // at that time; valid during the call
  std::uint64_t cgroup = 0;              // its identifier
  const Container* container = nullptr;  // null: none, or not known; valid during the call
};

// Since the connection was made.
struct ConnectionCounts {
  // Payload.
  std::uint64_t bytes_sent = 0;  // what was sent again included
  std::uint64_t bytes_received = 0, bytes_retransmitted = 0;
  std::uint32_t segments_sent = 0, segments_received = 0;
  std::uint32_t segments_retransmitted = 0;
  // Of them, by what made the kernel send again; those of the handshake, and FINs, apart. Only what
  // came since weir began.
  std::uint32_t fast = 0, timeout = 0, tail_loss_probe = 0, other = 0, syn = 0, fin = 0;
  std::uint32_t lost = 0, out_of_order = 0, dsack_duplicates = 0, reordering_seen = 0;

  ConnectionCounts since(const ConnectionCounts& earlier) const;
};

struct Connection {
  std::uint64_t cookie = 0;             // of the socket: unique on this host
  std::uint32_t network_namespace = 0;  // inode
  Endpoint local, remote;
  ConnectionRole role = ConnectionRole::kUnknown;
  TcpState state = TcpState::kUnknown;
  ConnectionProcess process;
  ConnectionCounts counts;
  std::optional<Nanos> born, established;  // absent where it is older than weir
  // From the SYN to the answer where this side called, from the SYN's answer to the first ACK else.
  std::optional<Nanos> handshake_ns;
  Nanos srtt_ns = 0, rttvar_ns = 0, min_rtt_ns = 0;  // 0: not known
  std::uint32_t cwnd = 0, ssthresh = 0, mss = 0;     // segments, segments, bytes
  std::uint32_t send_queue = 0, receive_queue = 0;   // bytes; of a listener: the most, and now
  std::uint32_t send_window = 0, receive_window = 0;
};

struct ConnectionSample {
  Nanos time = 0;
  Nanos interval_ns = 0;  // since the sample before, or since it was first seen
  Connection connection;
  ConnectionCounts in_interval;
};

enum class ConnectionEventKind : std::uint8_t { kEstablished, kClosed, kFailed };

enum class CloseReason : std::uint8_t {
  kNone,           // it goes on
  kFin,            // both sides have closed, or this one and nobody waits for the other
  kResetSent,      // by this side
  kResetReceived,  // from the other
  kTimedOut,
  kRefused,
  kUnreachable,
  kGivenUp,  // this side closed it before it was made
  kError,    // another error of the socket
};

struct ConnectionEvent {
  Nanos time = 0;
  ConnectionEventKind kind = ConnectionEventKind::kEstablished;
  CloseReason reason = CloseReason::kNone;
  std::uint32_t error = 0;           // errno of the socket; 0: none
  std::optional<Nanos> duration_ns;  // since it was born
  std::uint8_t closed_first = 0;     // 1: this side, 2: the other; 0: not known
  Connection connection;
  ConnectionCounts since_sample;  // at its end: what no sample has told
};

// Exact text of records.md.
std::string_view role_name(ConnectionRole role);
std::string_view tcp_state_name(TcpState state);
std::string_view process_source_name(ProcessSource source);
std::string_view event_name(ConnectionEventKind kind);
std::string_view close_reason_name(CloseReason reason);

}  // namespace weir
