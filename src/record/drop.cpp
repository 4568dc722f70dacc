#include "record/drop.h"

#include <fmt/format.h>

#include <iterator>

#include "record/ip_protocol.h"
#include "record/json.h"

namespace weir {
namespace {

constexpr std::uint16_t kArp = 0x0806;

void append_end(std::string& out, std::string_view key, const Endpoint& end, bool port) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":{{\"address\":\"", key);
  append_address(out, end.address);
  out += '"';
  if (port) fmt::format_to(std::back_inserter(out), ",\"port\":{}", end.port);
  out += '}';
}

void append_packet(std::string& out, const Drop& drop) {
  if (drop.vlan) fmt::format_to(std::back_inserter(out), ",\"vlan\":{}", *drop.vlan);
  if (drop.addresses == FlowAddresses::kNone) {
    if (drop.ether_type != 0) {
      fmt::format_to(std::back_inserter(out), ",\"ether_type\":{}", drop.ether_type);
    }
    return;
  }
  fmt::format_to(std::back_inserter(out), ",\"protocol\":{}", drop.protocol);
  const bool ports = drop.from.port != 0 || drop.to.port != 0;
  append_end(out, "source", drop.from, ports);
  append_end(out, "destination", drop.to, ports);
  if (drop.icmp) {
    fmt::format_to(std::back_inserter(out), ",\"icmp\":{{\"type\":{},\"code\":{}}}",
                   drop.icmp->first, drop.icmp->second);
  }
  if (drop.in_tunnel) out += ",\"in_tunnel\":true";
}

void append_drop(std::string& out, Nanos time, std::string_view record, const Drop& drop) {
  out += "{\"lens\":\"drops\",";
  if (!record.empty()) fmt::format_to(std::back_inserter(out), "\"record\":\"{}\",", record);
  out += "\"time\":\"";
  append_rfc3339(out, time);
  fmt::format_to(std::back_inserter(out),
                 "\",\"drop_source\":\"{}\",\"reason\":", drop_source_name(drop.source));
  append_json_string(out, drop.reason);
  if (!drop.function.empty()) {
    out += ",\"function\":";
    append_json_string(out, drop.function);
  }
  if (!drop.interface.empty()) {
    out += ",\"interface\":";
    append_json_string(out, drop.interface);
  }
  if (drop.interface_index != 0) {
    fmt::format_to(std::back_inserter(out), ",\"ifindex\":{}", drop.interface_index);
  }
  if (drop.network_namespace != 0) {
    fmt::format_to(std::back_inserter(out), ",\"network_namespace\":{}", drop.network_namespace);
  }
  if (drop.cookie != 0) fmt::format_to(std::back_inserter(out), ",\"cookie\":{}", drop.cookie);
  if (drop.whole) append_packet(out, drop);
}

void append_hardware(std::string& out, std::string_view key, const std::uint8_t* address) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":\"{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}\"",
                 key, address[0], address[1], address[2], address[3], address[4], address[5]);
}

}  // namespace

std::string_view drop_source_name(DropSource source) {
  return source == DropSource::kKernel ? "kernel" : "counter";
}

std::string drop_protocol_text(const Drop& drop) {
  if (!drop.whole) return {};
  if (drop.addresses == FlowAddresses::kNone) {
    if (drop.ether_type == kArp) return "arp";
    return drop.ether_type == 0 ? "" : fmt::format("0x{:04x}", drop.ether_type);
  }
  return ip_protocol_text(drop.protocol);
}

void append_json(std::string& out, const DropSample& sample) {
  append_drop(out, sample.time, "", sample.drop);
  fmt::format_to(std::back_inserter(out), ",\"interval_ns\":{},\"packets\":{}", sample.interval_ns,
                 sample.packets);
  if (sample.drop.source == DropSource::kKernel) {
    fmt::format_to(std::back_inserter(out), ",\"bytes\":{}", sample.bytes);
  }
  if (sample.first_seen != 0) {
    out += ",\"first_seen\":\"";
    append_rfc3339(out, sample.first_seen);
    out += "\",\"last_seen\":\"";
    append_rfc3339(out, sample.last_seen);
    out += '"';
  }
  out += '}';
}

void append_json(std::string& out, const DropEvent& event) {
  append_drop(out, event.time, "event", event.drop);
  fmt::format_to(std::back_inserter(out), ",\"bytes\":{}", event.length);
  if (event.drop.addresses != FlowAddresses::kNone) {
    fmt::format_to(std::back_inserter(out), ",\"tos\":{},\"ttl\":{}", event.tos, event.ttl);
  }
  if (event.hardware) {
    append_hardware(out, "source_hardware", event.hardware->data() + 6);
    append_hardware(out, "destination_hardware", event.hardware->data());
  }
  out += '}';
}

}  // namespace weir
