#include "lens/requests.h"

#include <algorithm>

#include "lens/closed_connections.h"

namespace weir {

struct RequestsLens::Connection : Flow<Connection> {
  Connection(const FlowKey& k, LensShared& shared) : Flow(k), conversation(k, shared) {}

  Conversation conversation;
};

namespace {

Dissector::Options dissector_options(const RequestsOptions& options) {
  Dissector::Options dissecting;
  dissecting.decapsulate = options.decapsulate;
  return dissecting;
}

}  // namespace

RequestsLens::RequestsLens(RequestsOptions options, RequestsCounters& counters, RecordSink& sink)
    : options_(std::move(options)),
      counters_(counters),
      sink_(sink),
      dissector_(dissector_options(options_)),
      segments_(options_.max_held_bytes),
      unread_(options_.max_unread_bytes),
      exchanges_(options_.max_exchanges),
      shared_{{segments_, counters.tcp, counters.ledger},
              {exchanges_, counters, *this},
              unread_,
              counters,
              options_.forced,
              options_.limits,
              options_.copies},
      closed_(std::make_unique<ClosedConnections>()),
      datagrams_(shared_, options_.max_udp_flows) {}

RequestsLens::~RequestsLens() = default;

void RequestsLens::on(const Frame& frame) noexcept {
  Ledger& ledger = counters_.ledger;
  ledger.add(Count::kCaptureSeen);
  const Dissection dissection = dissector_.dissect(frame, packet_);
  const std::uint64_t frames = 1 + std::uint64_t{dissector_.absorbed_fragments()};
  switch (dissection) {
    case Dissection::kPacket:
      break;
    case Dissection::kForeign:
      ledger.add(Count::kCaptureFilteredForeign, frames);
      return;
    case Dissection::kLinkType:
      ledger.add(Count::kCaptureLostLinkType, frames);
      return;
    case Dissection::kMalformed:
      ledger.add(Count::kCaptureLostMalformed, frames);
      return;
    case Dissection::kFragment:
      take_incomplete();
      return;
  }
  now_ = std::max(now_, packet_.time);
  if (now_ >= next_timers_) run_timers();
  on_packet(packet_, frames);
  if (frames > 1 || counters_.pending_capture.get() > 0) take_incomplete();
  publish_sizes();
}

void RequestsLens::on_packet(const Packet& packet, std::uint64_t frames) {
  const bool fresh = packet.transport == Transport::kUdp ? datagrams_.on(packet) : on_tcp(packet);
  counters_.ledger.add(fresh ? Count::kCaptureDelivered : Count::kCaptureFilteredDuplicate, frames);
}

// Datagrams of which fragments are missing, as far as they go.
void RequestsLens::take_incomplete() {
  Packet packet;
  while (dissector_.take_incomplete(packet)) {
    on_packet(packet, 1 + std::uint64_t{dissector_.absorbed_fragments()});
  }
  count_fragments();
}

void RequestsLens::run_timers() {
  next_timers_ = (now_ / TimerWheel::kTick + 1) * TimerWheel::kTick;
  connections_.advance(now_, [this](Connection& connection) { on_timer(connection); });
  datagrams_.on_time(now_);
}

void RequestsLens::on_time(Nanos now) noexcept {
  now_ = std::max(now_, now);
  dissector_.on_time(now_);
  take_incomplete();
  run_timers();
  publish_sizes();
}

void RequestsLens::finish() noexcept {
  finishing_ = true;
  dissector_.flush();
  take_incomplete();
  while (Connection* connection = connections_.oldest()) {
    close_connection(*connection, Close::kEndOfInput, now_);
  }
  datagrams_.finish(now_);
  std::sort(deferred_.begin(), deferred_.end(), [](const auto& a, const auto& b) {
    return a->begun() != b->begun() ? a->begun() < b->begun() : a->sequence < b->sequence;
  });
  for (const auto& exchange : deferred_) emit(*exchange);
  deferred_.clear();
  finishing_ = false;
  publish_sizes();
}

// False for another sighting of a packet.
bool RequestsLens::on_tcp(const Packet& packet) {
  Side from = Side::kA;
  const FlowKey key(packet.source, packet.destination, Transport::kTcp, from);
  Connection* connection = connections_.find(key);
  if (connection) {
    Sighting& sighting = connection->sightings[index(from)];
    if (!sighting.accepts(packet.interface_id, packet.time)) {
      if (!connection->conversation.stream().is_new(from, packet)) return false;
      sighting.take(packet.interface_id, packet.time);
    }
  }
  if (!connection) {
    // Without payload or SYN there is nothing to follow: the rest of a connection that has ended.
    if (packet.tcp.rst || (!packet.tcp.syn && packet.payload_bytes == 0)) return true;
    if (!packet.tcp.syn && closed_->repeats(key, from, packet)) {
      counters_.ledger.add(Count::kStreamSeen, packet.payload_bytes);
      counters_.ledger.add(Count::kStreamFilteredRetransmitted, packet.payload_bytes);
      return true;
    }
    connection = &open_connection(key, from, packet);
  }
  connections_.touch(*connection, packet.time);
  TcpStream::Verdict verdict = connection->conversation.on_packet(from, packet);
  if (verdict == TcpStream::Verdict::kReplaced) {
    close_connection(*connection, Close::kIdle, packet.time);
    connection = &open_connection(key, from, packet);
    verdict = connection->conversation.on_packet(from, packet);
  }
  if (verdict == TcpStream::Verdict::kReset) {
    close_connection(*connection, Close::kReset, packet.time);
  } else if (verdict == TcpStream::Verdict::kFinished) {
    close_connection(*connection, Close::kFin, packet.time);
  } else {
    schedule(*connection);
  }
  return true;
}

RequestsLens::Connection& RequestsLens::open_connection(const FlowKey& key, Side from,
                                                        const Packet& packet) {
  if (connections_.size() >= options_.max_connections) {
    Connection& oldest = *connections_.oldest();
    close_connection(oldest, Close::kIdle, now_);
  }
  counters_.tcp.connections.add();
  Connection& added = connections_.add(std::make_unique<Connection>(key, shared_));
  added.sightings[index(from)].accepts(packet.interface_id, packet.time);
  return added;
}

void RequestsLens::close_connection(Connection& connection, Close reason, Nanos now) {
  connection.conversation.close(reason, now);
  if (reason == Close::kFin || reason == Close::kReset) {
    closed_->add(connection.key, connection.conversation.stream(), now);
  }
  connections_.remove(connection);
}

void RequestsLens::schedule(Connection& connection) {
  const Nanos waiting = connection.conversation.deadline();
  if (waiting == 0 && connection.armed()) return;  // by then at the latest it will be asked again
  const Nanos idle = connection.last + options_.idle_timeout;
  connections_.wake_by(connection, waiting == 0 ? idle : std::min(idle, waiting));
}

void RequestsLens::on_timer(Connection& connection) {
  if (now_ - connection.last >= options_.idle_timeout) {
    close_connection(connection, Close::kIdle, now_);
  } else if (connection.conversation.on_time(now_) == TcpStream::Verdict::kFinished) {
    close_connection(connection, Close::kFin, now_);
  } else {
    schedule(connection);
  }
}

void RequestsLens::on(Exchange& exchange) noexcept {
  if (finishing_) {
    deferred_.push_back(std::make_unique<Exchange>(std::move(exchange)));
  } else {
    emit(exchange);
  }
}

void RequestsLens::emit(Exchange& exchange) {
  if (exchange.request && exchange.response) {  // an answer may be captured before its request
    exchange.response->first = std::max(exchange.response->first, exchange.request->first);
  }
  exchange.time = exchange.begun();
  // An answer captured before its query took no time that could be told.
  exchange.duration_ns = std::max<Nanos>(exchange.completed - exchange.time, 0);
  exchange.server_is_local =
      !options_.local_addresses || options_.local_addresses->contains(exchange.server.address);
  exchange.request_fields = &exchange.request_values;
  exchange.response_fields = &exchange.response_values;
  sink_.on(exchange);
}

void RequestsLens::count_fragments() {
  counters_.pending_capture.set(dissector_.pending_fragments());
  counters_.ledger.set(Count::kCaptureLostFragment, dissector_.lost_fragments());
  counters_.ledger.set(Count::kCaptureLostEvicted, dissector_.evicted_fragments());
}

void RequestsLens::publish_sizes() {
  counters_.open_connections.set(connections_.size());
  counters_.open_udp_flows.set(datagrams_.size());
  counters_.pending_stream.set(segments_.waiting_bytes() + unread_.used_bytes());
}

}  // namespace weir
