#include "metrics/flow_metrics.h"

#include <array>

namespace weir {
namespace {

struct TrafficFamily {
  std::string_view name, help;
  std::uint64_t TrafficCounts::* count;
};

constexpr std::array kTraffic = {
    TrafficFamily{"weir_flow_frames_total",
                  "Frames by traffic type, as the kernel handles them: super packets are one.",
                  &TrafficCounts::frames},
    TrafficFamily{"weir_flow_frame_bytes_total", "Bytes of them, as the device counts them.",
                  &TrafficCounts::bytes},
    TrafficFamily{"weir_flow_wire_packets_total",
                  "Packets by traffic type, as the wire carries them.",
                  &TrafficCounts::wire_packets},
    TrafficFamily{"weir_flow_wire_bytes_total", "Bytes of them, from the link header on.",
                  &TrafficCounts::wire_bytes},
};

struct RoceFamily {
  std::string_view name, help;
  std::uint64_t RoceCounts::* count;
};

constexpr std::array kRoce = {
    RoceFamily{"weir_roce_congestion_notifications_total", "Congestion notification packets (CNP).",
               &RoceCounts::congestion_notifications},
    RoceFamily{"weir_roce_congestion_marked_total",
               "Packets that a switch has marked: ECN, congestion experienced.",
               &RoceCounts::congestion_marked},
    RoceFamily{"weir_roce_sequence_gaps_total",
               "How often packet sequence numbers were passed over.", &RoceCounts::gaps},
    RoceFamily{"weir_roce_missing_packets_total", "Packet sequence numbers passed over.",
               &RoceCounts::missing},
    RoceFamily{"weir_roce_repeated_packets_total",
               "Packets with a sequence number that had come before.", &RoceCounts::repeated},
    RoceFamily{"weir_roce_negative_acknowledges_total",
               "Negative acknowledgments, receiver not ready apart.",
               &RoceCounts::negative_acknowledges},
    RoceFamily{"weir_roce_receiver_not_ready_total", "Acknowledgments: receiver not ready (RNR).",
               &RoceCounts::receiver_not_ready},
};

std::string labels_of(std::string_view interface, TrafficDirection direction) {
  return label("direction", direction_name(direction)) + ',' + label("interface", interface);
}

void add_roce(MetricPage& page, const std::vector<RoceTotal>& totals) {
  if (totals.empty()) return;
  page.family("weir_roce_packets_total", "counter", "RoCE packets by operation.");
  for (const RoceTotal& total : totals) {
    const std::string labels = labels_of(total.interface, total.direction);
    for (std::size_t i = 0; i < kRoceOperations; ++i) {
      const std::string_view name = roce_operation_name(i);
      if (total.counts.operations[i] == 0) continue;
      page.sample(labels + ',' + label("operation", name.empty() ? "unknown" : name),
                  total.counts.operations[i]);
    }
  }
  for (const RoceFamily& family : kRoce) {
    page.family(family.name, "counter", family.help);
    for (const RoceTotal& total : totals) {
      page.sample(labels_of(total.interface, total.direction), total.counts.*family.count);
    }
  }
}

}  // namespace

void add_flow_metrics(MetricPage& page, const FlowTotals& totals, std::size_t unattached) {
  for (const TrafficFamily& family : kTraffic) {
    if (totals.types.empty()) break;
    page.family(family.name, "counter", family.help);
    for (const FlowTypeTotal& total : totals.types) {
      if (total.counted.frames == 0) continue;
      page.sample(labels_of(total.interface, total.direction) + ',' +
                      label("type", traffic_type_name(total.type)),
                  total.counted.*family.count);
    }
  }
  add_roce(page, totals.roce);
  page.single("weir_flows", "gauge", "Flows that are kept now.", totals.flows);
  page.single("weir_roce_queue_pairs", "gauge", "Queue pairs that are kept now.",
              totals.queue_pairs);
  page.single("weir_roce_untracked_packets_total", "counter",
              "RoCE packets whose queue pair could not be kept.", totals.untracked_roce);
  page.single("weir_flows_unattached", "gauge",
              "Interfaces that were asked for and whose flows are not counted: they refuse, or "
              "their turn has not come.",
              unattached);
}

void add_flow_ledger(LedgerTotals& ledger, const FlowTotals& totals) {
  const auto add = [&](Count count, std::uint64_t amount) {
    ledger.counts[static_cast<std::size_t>(count)] += amount;
  };
  add(Count::kFlowsSeen, totals.seen);
  add(Count::kFlowsDelivered, totals.kept);
  add(Count::kFlowsFilteredType, totals.filtered);
  add(Count::kFlowsLostBurst, totals.full);
  add(Count::kFlowsLostMaxFlows, totals.beyond);
}

}  // namespace weir
