// RequestsLens: one worker of the requests lens: frames in, round trips out. Everything it needs is
// its own, so workers share nothing. One thread; its counters may be read by others.
#pragma once

#include <memory>
#include <vector>

#include "lens/conversation.h"
#include "lens/datagrams.h"
#include "lens/flow_table.h"
#include "lens/local_addresses.h"
#include "lens/requests_counters.h"
#include "packet/dissector.h"
#include "packet/packet.h"
#include "record/record_sink.h"

namespace weir {

class ClosedConnections;

// Bounds are per worker; what they cost is counted in the ledger (`evicted`).
struct RequestsOptions {
  std::size_t max_connections = 32768;  // TCP; the one idle longest goes first
  std::size_t max_udp_flows = 32768;
  std::size_t max_exchanges = 65536;         // open at a time
  std::size_t max_held_bytes = 16u << 20;    // TCP segments behind holes
  std::size_t max_unread_bytes = 16u << 20;  // unfinished heads
  Nanos idle_timeout = 900 * kSecond;        // a TCP connection without packets is forgotten
  bool decapsulate = true;                   // look into VXLAN, GRE, Geneve, IPIP
  Limits limits;
  std::vector<ForcedProtocol> forced;
  // Decides between server and client metrics. Null (a file): every server counts as local.
  const LocalAddresses* local_addresses = nullptr;
  // Tells the kernel what it need not copy. Null (a file): nothing is told.
  CopyVerdicts* copies = nullptr;
};

class RequestsLens final : private ExchangeSink {
 public:
  // `counters` and `sink` must outlive the lens.
  RequestsLens(RequestsOptions options, RequestsCounters& counters, RecordSink& sink);
  ~RequestsLens() override;
  RequestsLens(const RequestsLens&) = delete;
  RequestsLens& operator=(const RequestsLens&) = delete;

  void on(const Frame& frame) noexcept;
  // For times without packets (live): what is due by now is reported.
  void on_time(Nanos now) noexcept;
  // The end of the input: everything open is reported, by the time of its first packet.
  void finish() noexcept;

 private:
  struct Connection;

  void on(Exchange& exchange) noexcept override;
  void emit(Exchange& exchange);
  void on_packet(const Packet& packet, std::uint64_t frames);
  bool on_tcp(const Packet& packet);
  void take_incomplete();
  void run_timers();
  Connection& open_connection(const FlowKey& key, Side from, const Packet& packet);
  void close_connection(Connection& connection, Close reason, Nanos now);
  void schedule(Connection& connection);
  void on_timer(Connection& connection);
  void count_fragments();
  void publish_sizes();

  RequestsOptions options_;
  RequestsCounters& counters_;
  RecordSink& sink_;
  Dissector dissector_;
  Packet packet_;  // of the frame at hand
  SegmentPool segments_;
  UnreadPool unread_;
  ExchangePool exchanges_;
  LensShared shared_;
  std::unique_ptr<ClosedConnections> closed_;
  FlowTable<Connection> connections_;
  Datagrams datagrams_;
  // While finishing. Each by itself: what its flow gives back is the room for it.
  std::vector<std::unique_ptr<Exchange>> deferred_;
  Nanos now_ = 0;          // the latest packet time
  Nanos next_timers_ = 0;  // before this none can be due
  bool finishing_ = false;
};

}  // namespace weir
