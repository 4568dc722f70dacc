#include "metrics/device_metrics.h"

#include <array>
#include <map>
#include <span>

namespace weir {
namespace {

using DeviceCount = std::uint64_t DeviceStatistics::*;

constexpr std::string_view kIngress = "ingress";
constexpr std::string_view kEgress = "egress";

// The page's family, begun with its first sample: a family that nothing has is not shown.
class Family {
 public:
  Family(MetricPage& page, std::string_view name, std::string_view type, std::string_view help)
      : page_(page), name_(name), type_(type), help_(help) {}

  template <class Value>
  void sample(std::string_view labels, const Value& value) {
    if (!begun_) page_.family(name_, type_, help_);
    begun_ = true;
    page_.sample(labels, value);
  }

 private:
  MetricPage& page_;
  std::string_view name_, type_, help_;
  bool begun_ = false;
};

// Labels one after another.
class Labels {
 public:
  Labels& add(std::string_view name, std::string_view value) {
    if (!text_.empty()) text_ += ',';
    append_label(text_, name, value);
    return *this;
  }
  operator std::string_view() const { return text_; }

 private:
  std::string text_;
};

Labels of_interface(std::string_view interface, std::string_view direction) {
  return Labels().add("interface", interface).add("direction", direction);
}

void add_both_ways(MetricPage& page, const DeviceReadings& readings) {
  struct Row {
    DeviceCount ingress, egress;
    std::string_view name, help;
  };
  static constexpr Row kRows[] = {
      {&DeviceStatistics::rx_packets, &DeviceStatistics::tx_packets,
       "weir_interface_device_packets_total", "Packets that the device counted."},
      {&DeviceStatistics::rx_bytes, &DeviceStatistics::tx_bytes,
       "weir_interface_device_bytes_total", "Bytes that the device counted."},
      {&DeviceStatistics::rx_errors, &DeviceStatistics::tx_errors,
       "weir_interface_device_errors_total", "Bad packets, of whatever cause."},
  };
  for (const Row& row : kRows) {
    Family family(page, row.name, "counter", row.help);
    for (const DeviceStatistics& device : readings.devices) {
      family.sample(of_interface(device.name, kIngress), device.*row.ingress);
      family.sample(of_interface(device.name, kEgress), device.*row.egress);
    }
  }
}

struct Reason {
  std::string_view direction, reason;
  DeviceCount count;
};

void add_reasons(Family& family, const DeviceStatistics& device, std::span<const Reason> reasons,
                 std::string_view label_name) {
  for (const Reason& row : reasons) {
    family.sample(of_interface(device.name, row.direction).add(label_name, row.reason),
                  device.*row.count);
  }
}

void add_drops(MetricPage& page, const DeviceReadings& readings) {
  // Each of them is counted by itself: their sum is what was dropped.
  static constexpr Reason kReasons[] = {
      {kIngress, "unspecified", &DeviceStatistics::rx_dropped},
      {kIngress, "missed", &DeviceStatistics::rx_missed_errors},
      {kIngress, "no_handler", &DeviceStatistics::rx_nohandler},
      {kIngress, "other_host", &DeviceStatistics::rx_otherhost_dropped},
      {kEgress, "unspecified", &DeviceStatistics::tx_dropped},
  };
  Family family(page, "weir_interface_device_dropped_total", "counter",
                "Packets that the device or the stack behind it dropped.");
  for (const auto& device : readings.devices) add_reasons(family, device, kReasons, "reason");
}

void add_error_causes(MetricPage& page, const DeviceReadings& readings) {
  static constexpr Reason kCauses[] = {
      {kIngress, "length", &DeviceStatistics::rx_length_errors},
      {kIngress, "over", &DeviceStatistics::rx_over_errors},
      {kIngress, "crc", &DeviceStatistics::rx_crc_errors},
      {kIngress, "frame", &DeviceStatistics::rx_frame_errors},
      {kIngress, "fifo", &DeviceStatistics::rx_fifo_errors},
      {kEgress, "aborted", &DeviceStatistics::tx_aborted_errors},
      {kEgress, "carrier", &DeviceStatistics::tx_carrier_errors},
      {kEgress, "fifo", &DeviceStatistics::tx_fifo_errors},
      {kEgress, "heartbeat", &DeviceStatistics::tx_heartbeat_errors},
      {kEgress, "window", &DeviceStatistics::tx_window_errors},
  };
  Family family(page, "weir_interface_device_error_causes_total", "counter",
                "Bad packets by cause, as far as the driver of hardware tells it.");
  for (const auto& device : readings.devices) {
    if (device.kind.empty()) add_reasons(family, device, kCauses, "cause");
  }
}

void add_devices(MetricPage& page, const DeviceReadings& readings) {
  add_both_ways(page, readings);
  add_drops(page, readings);
  add_error_causes(page, readings);
  Family multicast(page, "weir_interface_device_multicast_packets_total", "counter",
                   "Multicast packets received.");
  for (const auto& device : readings.devices) {
    multicast.sample(of_interface(device.name, kIngress), device.multicast);
  }
  Family collisions(page, "weir_interface_device_collisions_total", "counter",
                    "Collisions while sending.");
  for (const auto& device : readings.devices) {
    if (device.kind.empty()) {
      collisions.sample(label("interface", device.name), device.collisions);
    }
  }
}

using Names = std::map<std::uint32_t, std::string_view>;  // of the devices, by index

template <class Count>
void add_qdisc_family(MetricPage& page, const DeviceReadings& readings, const Names& names,
                      Count QdiscStatistics::* count, std::string_view name, std::string_view type,
                      std::string_view help) {
  Family family(page, name, type, help);
  for (const QdiscStatistics& qdisc : readings.qdiscs) {
    const auto interface = names.find(qdisc.interface_index);
    // A noqueue holds and counts nothing.
    if (interface == names.end() || qdisc.kind == "noqueue") continue;
    family.sample(Labels()
                      .add("interface", interface->second)
                      .add("qdisc", qdisc.kind)
                      .add("handle", qdisc.handle)
                      .add("parent", qdisc.parent),
                  qdisc.*count);
  }
}

void add_qdiscs(MetricPage& page, const DeviceReadings& readings, const Names& names) {
  const auto add = [&](auto count, std::string_view name, std::string_view type,
                       std::string_view help) {
    add_qdisc_family(page, readings, names, count, name, type, help);
  };
  add(&QdiscStatistics::bytes, "weir_interface_qdisc_bytes_total", "counter",
      "Bytes that the queue passed on.");
  add(&QdiscStatistics::packets, "weir_interface_qdisc_packets_total", "counter",
      "Packets that the queue passed on.");
  add(&QdiscStatistics::dropped, "weir_interface_qdisc_dropped_total", "counter",
      "Packets that the queue dropped.");
  add(&QdiscStatistics::overlimits, "weir_interface_qdisc_overlimits_total", "counter",
      "How often the queue was over its limit.");
  add(&QdiscStatistics::requeues, "weir_interface_qdisc_requeues_total", "counter",
      "Packets that the device did not take and the queue took back.");
  add(&QdiscStatistics::backlog_bytes, "weir_interface_qdisc_backlog_bytes", "gauge",
      "Bytes that wait in the queue.");
  add(&QdiscStatistics::backlog_packets, "weir_interface_qdisc_backlog_packets", "gauge",
      "Packets that wait in the queue.");
}

// `write(family, labels, count)` for both directions and all priorities of every interface.
template <class Write>
void each_pause(const DeviceReadings& readings, const Names& names, const Write& write) {
  static constexpr std::array<std::string_view, 10> kPriorities{"0", "1", "2", "3", "4",
                                                                "5", "6", "7", "",  "all"};
  for (const PauseCounters& pauses : readings.pauses) {
    const auto interface = names.find(pauses.interface_index);
    if (interface == names.end()) continue;
    for (const bool egress : {false, true}) {
      const auto& counts = egress ? pauses.egress : pauses.ingress;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        Labels labels = of_interface(interface->second, egress ? kEgress : kIngress);
        if (!kPriorities[i].empty()) labels.add("priority", kPriorities[i]);
        write(labels, counts[i]);
      }
    }
  }
}

void add_pauses(MetricPage& page, const DeviceReadings& readings, const Names& names) {
  Family frames(page, "weir_interface_pause_frames_total", "counter",
                "Pause frames: of the whole link, or of a priority (PFC).");
  each_pause(readings, names, [&](const Labels& labels, const PauseCounters::Count& count) {
    if (count.frames) frames.sample(labels, *count.frames);
  });
  Family seconds(page, "weir_interface_paused_seconds_total", "counter",
                 "For how long pause frames held transmission.");
  each_pause(readings, names, [&](const Labels& labels, const PauseCounters::Count& count) {
    if (!count.microseconds) return;
    seconds.sample(labels, fmt::format("{}.{:06}", *count.microseconds / 1'000'000,
                                       *count.microseconds % 1'000'000));
  });
}

Labels of_port(const RdmaPort& port) {
  Labels labels;
  labels.add("device", port.device).add("port", std::to_string(port.port));
  if (!port.interfaces.empty()) labels.add("interface", port.interfaces.front());
  return labels;
}

void add_rdma_traffic(MetricPage& page, const DeviceReadings& readings, std::string_view name,
                      std::string_view help, std::string_view received, std::string_view sent,
                      std::uint64_t unit) {
  Family family(page, name, "counter", help);
  for (const RdmaPort& port : readings.rdma_ports) {
    if (const auto* count = port.find(received)) {
      family.sample(of_port(port).add("direction", kIngress), count->value * unit);
    }
    if (const auto* count = port.find(sent)) {
      family.sample(of_port(port).add("direction", kEgress), count->value * unit);
    }
  }
}

// Some drivers show beside their counters how many objects are in use, or were at most.
bool is_level(std::string_view counter) {
  return counter.starts_with("active_") || counter.starts_with("watermark_");
}

void add_rdma(MetricPage& page, const DeviceReadings& readings) {
  // These two are in words of four bytes, whatever the link.
  add_rdma_traffic(page, readings, "weir_rdma_port_bytes_total",
                   "Bytes that crossed the RDMA port.", "port_rcv_data", "port_xmit_data", 4);
  add_rdma_traffic(page, readings, "weir_rdma_port_packets_total",
                   "Packets that crossed the RDMA port.", "port_rcv_packets", "port_xmit_packets",
                   1);
  Family counters(page, "weir_rdma_port_counter_total", "counter",
                  "A counter of the RDMA port under its name in sysfs.");
  for (const RdmaPort& port : readings.rdma_ports) {
    for (const auto& counter : port.counters) {
      if (is_level(counter.name)) continue;
      counters.sample(of_port(port).add("counter", counter.name), counter.value);
    }
  }
  Family levels(page, "weir_rdma_port_level", "gauge",
                "What the RDMA port has in use, or had at most, under its name in sysfs.");
  for (const RdmaPort& port : readings.rdma_ports) {
    for (const auto& counter : port.counters) {
      if (!is_level(counter.name)) continue;
      levels.sample(of_port(port).add("level", counter.name), counter.value);
    }
  }
}

}  // namespace

void add_device_metrics(MetricPage& page, const DeviceReadings& readings) {
  Names names;
  for (const DeviceStatistics& device : readings.devices) names[device.index] = device.name;
  add_devices(page, readings);
  add_qdiscs(page, readings, names);
  add_pauses(page, readings, names);
  add_rdma(page, readings);
}

}  // namespace weir
