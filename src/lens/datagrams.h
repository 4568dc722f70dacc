// Datagrams: the UDP side of the requests lens. A flow is kept while something is open, and a
// little longer, so that other sightings of its packets are known as such.
#pragma once

#include <memory>
#include <vector>

#include "lens/conversation.h"
#include "lens/flow_table.h"
#include "lens/matcher.h"
#include "lens/opaque_datagrams.h"

namespace weir {

class Datagrams final : private MessageSink {
 public:
  Datagrams(LensShared& shared, std::size_t max_flows);
  ~Datagrams() override;

  // False when the packet is another sighting of one already seen.
  bool on(const Packet& packet);
  void on_time(Nanos now);
  void finish(Nanos now);
  std::size_t size() const { return flows_.size(); }

 private:
  struct UdpFlow : Flow<UdpFlow> {
    using Flow::Flow;
    Matcher matcher;
    std::unique_ptr<Decoder> decoder;  // null: its protocol's one for all flows
    const Protocol* protocol = nullptr;
    Side client = Side::kA;
  };

  UdpFlow* open_flow(const FlowKey& key, Side from, Bytes payload);
  const Protocol* recognise(const FlowKey& key, Side from, Bytes payload, Side& client) const;
  void decode(UdpFlow& flow, Side from, const Packet& packet);
  void on_timer(UdpFlow& flow, Nanos now);
  void remove(UdpFlow& flow, Close reason, Nanos now);
  void on(const Message& message) noexcept override;
  void end(Direction direction, std::uint64_t stream_id, const MessageEnd& end) noexcept override;

  LensShared& shared_;
  std::size_t max_flows_;
  // By position in protocols(); null where each flow has its own, or there is none over UDP.
  std::vector<std::unique_ptr<Decoder>> decoders_;
  FlowTable<UdpFlow> flows_;
  std::unique_ptr<OpaqueDatagrams> opaque_;  // null: nothing is kept back
  UdpFlow* current_ = nullptr;               // while a decoder runs
  const Packet* packet_ = nullptr;
};

}  // namespace weir
