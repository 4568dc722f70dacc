#include "record/queue_pair_sample.h"

#include <fmt/format.h>

#include <functional>
#include <iterator>

#include "record/json.h"

namespace weir {
namespace {

// Without the operations.
void append_numbers(std::string& out, const RoceCounts& counts) {
  fmt::format_to(
      std::back_inserter(out),
      "\"frames\":{},\"frame_bytes\":{},\"congestion_notifications\":{},\"congestion_marked\":{},"
      "\"gaps\":{},\"missing_packets\":{},\"repeated_packets\":{},\"restarts\":{},"
      "\"negative_acknowledges\":{},\"receiver_not_ready\":{}",
      counts.packets, counts.bytes, counts.congestion_notifications, counts.congestion_marked,
      counts.gaps, counts.missing, counts.repeated, counts.restarts, counts.negative_acknowledges,
      counts.receiver_not_ready);
}

void append_operations(std::string& out, const RoceCounts& counts) {
  out += ",\"operations\":{";
  const char* separator = "";
  for (std::size_t i = 0; i < kRoceOperations; ++i) {
    if (counts.operations[i] == 0) continue;
    const std::string_view name = roce_operation_name(i);
    fmt::format_to(std::back_inserter(out), "{}\"{}\":{}", separator,
                   name.empty() ? fmt::format("operation_{}", i) : name, counts.operations[i]);
    separator = ",";
  }
  out += '}';
}

template <class Combine>
void combine(RoceCounts& to, const RoceCounts& from, const Combine& combine) {
  for (std::size_t i = 0; i < kRoceOperations; ++i) {
    to.operations[i] = combine(to.operations[i], from.operations[i]);
  }
  for (const auto member :
       {&RoceCounts::packets, &RoceCounts::bytes, &RoceCounts::congestion_notifications,
        &RoceCounts::congestion_marked, &RoceCounts::gaps, &RoceCounts::missing,
        &RoceCounts::repeated, &RoceCounts::restarts, &RoceCounts::negative_acknowledges,
        &RoceCounts::receiver_not_ready}) {
    to.*member = combine(to.*member, from.*member);
  }
}

constexpr std::array<std::string_view, kRoceOperations> kOperations = {
    "send_first",
    "send_middle",
    "send_last",
    "send_last_with_immediate",
    "send_only",
    "send_only_with_immediate",
    "rdma_write_first",
    "rdma_write_middle",
    "rdma_write_last",
    "rdma_write_last_with_immediate",
    "rdma_write_only",
    "rdma_write_only_with_immediate",
    "rdma_read_request",
    "rdma_read_response_first",
    "rdma_read_response_middle",
    "rdma_read_response_last",
    "rdma_read_response_only",
    "acknowledge",
    "atomic_acknowledge",
    "compare_swap",
    "fetch_add",
    "resync",
    "send_last_with_invalidate",
    "send_only_with_invalidate",
    {},
    {},
    {},
    {},
    "flush",
    "atomic_write",
};

}  // namespace

RoceCounts& RoceCounts::operator+=(const RoceCounts& other) {
  combine(*this, other, std::plus<>());
  return *this;
}

RoceCounts operator-(const RoceCounts& a, const RoceCounts& b) {
  RoceCounts result = a;
  combine(result, b, std::minus<>());
  return result;
}

std::string_view roce_operation_name(std::size_t operation) {
  return operation < kOperations.size() ? kOperations[operation] : std::string_view();
}

std::string_view roce_transport_name(std::size_t transport) {
  constexpr std::array<std::string_view, 8> kNames = {"rc", "uc", "rd", "ud", {}, "xrc", {}, {}};
  return transport < kNames.size() ? kNames[transport] : std::string_view();
}

void append_json(std::string& out, const QueuePairSample& pair) {
  out += R"({"lens":"flows","record":"queue_pair","time":")";
  append_rfc3339(out, pair.time);
  out += R"(","interface":)";
  append_json_string(out, pair.interface);
  fmt::format_to(std::back_inserter(out),
                 ",\"ifindex\":{},\"direction\":\"{}\",\"type\":\"{}\",\"source\":{{\"address\":\"",
                 pair.interface_index, direction_name(pair.direction),
                 traffic_type_name(pair.type));
  append_address(out, pair.source);
  out += R"("},"destination":{"address":")";
  append_address(out, pair.destination);
  fmt::format_to(std::back_inserter(out), "\"}},\"queue_pair\":{},\"transports\":[",
                 pair.queue_pair);
  const char* separator = "";
  for (std::size_t i = 0; i < 8; ++i) {
    const std::string_view name = roce_transport_name(i);
    if ((pair.transports >> i & 1) == 0 || name.empty()) continue;
    fmt::format_to(std::back_inserter(out), "{}\"{}\"", separator, name);
    separator = ",";
  }
  out += ']';
  append_operations(out, pair.total);
  out += R"(,"total":{)";
  append_numbers(out, pair.total);
  fmt::format_to(std::back_inserter(out), "}},\"interval_ns\":{},\"interval\":{{",
                 pair.interval_ns);
  append_numbers(out, pair.in_interval);
  out += '}';
  out += R"(,"last_seen":")";
  append_rfc3339(out, pair.last_seen);
  out += R"("})";
}

}  // namespace weir
