// XtraceSeries: the eight metrics xtrace_network_* of XTrace-Catch, for every flow with addresses
// and for every pair of addresses on an interface, round after round. One thread.
//
// What differs in nothing that is a label (the VLAN, the direction) is one flow here. Counts are
// those of the wire. Counters are of all that was seen of a flow; flow_bytes and flow_packets, and
// the rates, of the time between two rounds. A flow ends with its last sample: its series are
// removed. Interfaces may be renamed and change their addresses: their series go on under new
// labels.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "metrics/series_set.h"
#include "record/record_sink.h"

namespace weir {

struct XtraceSeriesSettings {
  // host_ip of an interface, by its index; valid until it is asked again. Asked once a round.
  std::function<std::string_view(std::uint32_t)> host_ip;
  std::string collect_agg = "default";
  // RoCE v2 as 17 and RoCE_v2_UDP, not as 254 and RoCE_v2.
  bool roce_v2_as_udp = false;
  SeriesSet::Limits limits{};
};

class XtraceSeries final : public RecordSink {
 public:
  // Takes a round, as push_round() does.
  using Deliver = std::function<void(SeriesSet&, Nanos)>;

  XtraceSeries(XtraceSeriesSettings settings, SeriesSet::Form form, Deliver deliver);

  // Then on() for all flows, then end_round().
  void begin_round(Nanos time);
  using RecordSink::on;
  void on(const FlowSample& flow) noexcept override;
  void end_round();

  std::size_t flows() const { return flows_.size(); }
  // Samples of flows for which there was no room.
  std::uint64_t refused() const { return refused_; }

 private:
  struct Interface {
    std::string name, host_ip;
    std::uint32_t version = 0;  // of its labels
    std::size_t flows = 0;
  };
  struct PairKey {
    IpAddress source, destination;
    std::uint32_t interface_index;
    std::uint8_t protocol;
    TrafficType type;

    bool operator==(const PairKey&) const = default;
    template <class H>
    friend H AbslHashValue(H h, const PairKey& key) {
      return H::combine(std::move(h), key.source.bytes, key.destination.bytes, key.interface_index,
                        key.protocol, key.type);
    }
  };
  struct FlowKey {
    PairKey pair;
    std::uint16_t source_port, destination_port;

    bool operator==(const FlowKey&) const = default;
    template <class H>
    friend H AbslHashValue(H h, const FlowKey& key) {
      return H::combine(std::move(h), key.pair, key.source_port, key.destination_port);
    }
  };
  struct Pair {
    std::array<SeriesSet::Handle, 2> series;
    std::uint64_t bytes = 0;  // in this round
    std::uint32_t flows = 0;
    std::uint32_t version = 0;
  };
  struct Flow {
    Pair* pair;
    Interface* interface;
    std::array<SeriesSet::Handle, 6> series;
    std::uint64_t total_bytes = 0, total_packets = 0;
    std::uint64_t bytes = 0, packets = 0;  // in this round
    std::uint32_t parts = 0;               // flows of the lens that it is made of, and that live
    std::uint32_t version = 0;
  };

  Interface& interface_of(const FlowSample& flow);
  Flow* flow_of(const FlowKey& key, Interface& interface);
  void add_series(const FlowKey& key, Flow& flow);
  void add_series(const PairKey& key, const Interface& interface, Pair& pair);
  void remove_series(const Flow& flow);
  void remove_series(const Pair& pair);
  void write(const Flow& flow, double seconds);
  void end_flow(const FlowKey& key, const Flow& flow);
  void follow_interfaces();
  std::string_view traffic_type(TrafficType type) const;

  XtraceSeriesSettings settings_;
  Deliver deliver_;
  SeriesSet set_;
  std::array<SeriesSet::Family, 6> flow_families_;
  std::array<SeriesSet::Family, 2> pair_families_;
  absl::flat_hash_map<std::uint32_t, std::unique_ptr<Interface>> interfaces_;
  absl::flat_hash_map<PairKey, std::unique_ptr<Pair>> pairs_;
  absl::flat_hash_map<FlowKey, Flow> flows_;
  Nanos time_ = 0, elapsed_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace weir
