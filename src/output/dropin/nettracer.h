// NetTracer's formats: its two tables and the messages of its log, values corrected
// (docs/migration-nettracer.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "record/connection.h"

namespace weir {

struct NettracerCounts {
  std::uint64_t bytes_sent = 0;  // payload, without what was sent again
  std::uint64_t bytes_received = 0;
  std::uint64_t packets_sent = 0, packets_received = 0, retransmissions = 0;
};

// Of a connection, what has come since; what went backwards is 0.
NettracerCounts operator-(const NettracerCounts& now, const NettracerCounts& before);

// What of a connection the formats show; lives as long as it is needed.
struct NettracerRow {
  std::uint64_t cookie = 0;
  std::uint32_t network_namespace = 0, pid = 0;
  Endpoint local, remote;
  ConnectionRole role = ConnectionRole::kUnknown;
  std::optional<Nanos> established;  // absent: older than weir
  std::optional<Nanos> closed;
  NettracerCounts counts;
  std::uint64_t rtt_us = 0, rtt_var_us = 0;

  bool is_v4() const { return local.address.is_v4(); }
};

NettracerRow nettracer_row(const Connection& connection);

// Lines of the tables end with a newline.

// TIME P LOCAL PORT P REMOTE PORT PID NETNS EDC SENT RECEIVED PACKETS PACKETS RETRANSMISSIONS RTT
// RTT_VAR, and START DURATION where E is 1. `headers`: bytes with what the headers take of a
// packet.
void append_nettracer_machine_row(std::string& out, const NettracerRow& row, Nanos now,
                                  bool headers);
// `columns`: of the terminal, 0 where they are not known.
void append_nettracer_heading(std::string& out, std::size_t columns);
void append_nettracer_human_row(std::string& out, const NettracerRow& row, std::size_t columns);

// Messages, without what stands before them in a line of the log.

// event connect|accept|close ...; nothing of one that never was established.
void append_nettracer_event(std::string& out, const ConnectionEvent& event);
// failed ...: REASON, of one that never was.
void append_nettracer_failure(std::string& out, const ConnectionEvent& event);
void append_nettracer_stats(std::string& out, const NettracerRow& row);
void append_nettracer_tcp_stats(std::string& out, const NettracerRow& row);
// "Number of passive tcp sessions: 2, active: 1"
void append_nettracer_sessions(std::string& out, std::size_t passive, std::size_t active);

}  // namespace weir
