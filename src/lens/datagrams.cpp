#include "lens/datagrams.h"

#include <algorithm>

#include "protocol/registry.h"

namespace weir {
namespace {

// How long a flow without open exchanges is remembered.
constexpr Nanos kLinger = 2 * kSecond;

// A port of some protocol: what is not of it now may be later.
bool is_hinted(const FlowKey& key) {
  return std::any_of(protocols().begin(), protocols().end(), [&](const Protocol* protocol) {
    return protocol->transports.udp && has_port(key, protocol->ports);
  });
}

}  // namespace

Datagrams::Datagrams(LensShared& shared, std::size_t max_flows)
    : shared_(shared), max_flows_(max_flows) {
  if (shared.copies && shared.copies->may_tell_of_datagrams()) {
    opaque_ = std::make_unique<OpaqueDatagrams>();
  }
  for (const Protocol* protocol : protocols()) {
    const bool shared_one = protocol->transports.udp && !protocol->flow_state;
    decoders_.push_back(shared_one ? protocol->make(shared.limits, Transport::kUdp) : nullptr);
  }
}

Datagrams::~Datagrams() = default;

bool Datagrams::on(const Packet& packet) {
  Side from = Side::kA;
  const FlowKey key(packet.source, packet.destination, Transport::kUdp, from);
  UdpFlow* flow = flows_.find(key);
  if (flow && !flow->sightings[index(from)].accepts(packet.interface_id, packet.time)) return false;
  shared_.counters.ledger.add(Count::kStreamSeen, packet.payload_bytes);
  if (!flow) {
    flow = open_flow(key, from, packet.payload);
    if (!flow) {
      shared_.counters.ledger.add(Count::kStreamFilteredOpaque, packet.payload_bytes);
      if (opaque_ && !is_hinted(key)) opaque_->on_unknown(*shared_.copies, packet);
      return true;
    }
    if (opaque_) opaque_->on_known(*shared_.copies, packet);
    flow->sightings[index(from)].accepts(packet.interface_id, packet.time);
  }
  flows_.touch(*flow, packet.time);
  decode(*flow, from, packet);
  const Nanos due = flow->matcher.deadline();
  flows_.wake_by(*flow, due == 0 ? packet.time + kLinger : std::min(due, packet.time + kLinger));
  return true;
}

const Protocol* Datagrams::recognise(const FlowKey& key, Side from, Bytes payload,
                                     Side& client) const {
  Side server = Side::kA;
  if (const ForcedProtocol* forced = find_forced(shared_.forced, key, Transport::kUdp, server)) {
    client = opposite(server);
    return forced->protocol;
  }
  for (const Protocol* protocol : protocols()) {
    if (!protocol->transports.udp || has_port(key, protocol->never_ports)) continue;
    for (const Direction direction : {Direction::kToServer, Direction::kToClient}) {
      const Match match = protocol->match(payload, direction, Transport::kUdp);
      if (match != Match::kYes && !(match == Match::kMaybe && has_port(key, protocol->ports)))
        continue;
      client = direction == Direction::kToServer ? from : opposite(from);
      return protocol;
    }
  }
  return nullptr;
}

Datagrams::UdpFlow* Datagrams::open_flow(const FlowKey& key, Side from, Bytes payload) {
  Side client = Side::kA;
  const Protocol* protocol = recognise(key, from, payload, client);
  if (!protocol) return nullptr;
  if (flows_.size() >= max_flows_) {
    UdpFlow& oldest = *flows_.oldest();
    remove(oldest, Close::kIdle, oldest.last);
  }
  auto flow = std::make_unique<UdpFlow>(key);
  flow->protocol = protocol;
  flow->client = client;
  if (protocol->flow_state) flow->decoder = protocol->make(shared_.limits, Transport::kUdp);
  return &flows_.add(std::move(flow));
}

void Datagrams::decode(UdpFlow& flow, Side from, const Packet& packet) {
  const std::size_t at = protocol_index(*flow.protocol);
  current_ = &flow;
  packet_ = &packet;
  const Direction direction = from == flow.client ? Direction::kToServer : Direction::kToClient;
  Decoder& decoder = flow.decoder ? *flow.decoder : *decoders_[at];
  const Step step = decoder.decode(direction, packet.payload, 0, *this);
  current_ = nullptr;
  Ledger& ledger = shared_.counters.ledger;
  if (step.verdict == Verdict::kInvalid) {
    shared_.counters.decode_errors[at].add();
    ledger.add(Count::kStreamLostDecode, packet.payload_bytes);
    return;
  }
  if (step.verdict == Verdict::kOpaque) {
    ledger.add(Count::kStreamFilteredOpaque, packet.payload_bytes);
    if (opaque_) opaque_->on_unknown(*shared_.copies, packet);
    return;
  }
  ledger.add(Count::kStreamDelivered, packet.payload.size());
  ledger.add(Count::kStreamLostTruncated, packet.payload_bytes - packet.payload.size());
}

void Datagrams::on(const Message& message) noexcept {
  Message whole = message;
  whole.begin = 0;
  if (message.end != Message::kOpenEnd) whole.end = packet_->payload_bytes;
  if (packet_->payload.size() < packet_->payload_bytes) whole.quality = Quality::kTruncated;
  Matcher::Arrival arrival;
  arrival.first = arrival.last = packet_->time;
  arrival.complete = message.end != Message::kOpenEnd;
  arrival.flow = &current_->key;
  arrival.client = current_->client;
  arrival.transport = Transport::kUdp;
  current_->matcher.on(whole, arrival, *current_->protocol, shared_.match);
}

void Datagrams::end(Direction direction, std::uint64_t stream_id, const MessageEnd& end) noexcept {
  current_->matcher.end(direction, stream_id, end, true, packet_->time, shared_.match);
}

void Datagrams::on_time(Nanos now) {
  flows_.advance(now, [&](UdpFlow& flow) { on_timer(flow, now); });
  if (opaque_) opaque_->on_time(*shared_.copies, now);
}

void Datagrams::on_timer(UdpFlow& flow, Nanos now) {
  flow.matcher.on_time(now, *flow.protocol, shared_.match);
  const Nanos due = flow.matcher.deadline();
  const Nanos silent = now - flow.last;
  // Nobody waits for the rest of a message for as long as that.
  if (silent >= (due == 0 ? kLinger : flow.protocol->timeout + kLinger)) {
    remove(flow, Close::kIdle, now);
  } else {
    flows_.wake_by(flow, due == 0 ? flow.last + kLinger : due);
  }
}

void Datagrams::remove(UdpFlow& flow, Close reason, Nanos now) {
  flow.matcher.close(reason, now, shared_.match);
  flows_.remove(flow);
}

void Datagrams::finish(Nanos now) {
  while (UdpFlow* flow = flows_.oldest()) remove(*flow, Close::kEndOfInput, now);
}

}  // namespace weir
