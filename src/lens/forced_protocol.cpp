#include "lens/forced_protocol.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "protocol/registry.h"

namespace weir {
namespace {

std::string known_names() {
  std::string names;
  for (const Protocol* protocol : protocols()) {
    if (!names.empty()) names += ", ";
    names += protocol->name;
  }
  return names;
}

// Cuts off and returns what stands before the separator.
std::string_view cut(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

std::optional<IpAddress> parse_address(std::string_view text) {
  const std::string copy(text);
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, copy.c_str(), bytes) == 1) return IpAddress::v4(bytes);
  if (inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return IpAddress::v6(bytes);
  return std::nullopt;
}

}  // namespace

Result<ForcedProtocol> ForcedProtocol::parse(std::string_view rule) {
  const std::string quoted = "--proto '" + std::string(rule) + "'";
  std::string_view rest = rule;
  ForcedProtocol forced;
  const std::string_view name = cut(rest, ';');
  forced.protocol = find_protocol(name);
  if (forced.protocol == nullptr) {
    return failure(quoted + ": no protocol '" + std::string(name) + "'; known are " +
                   known_names());
  }
  std::string_view ports = cut(rest, ';');
  while (!ports.empty()) {
    const std::string_view text = cut(ports, ',');
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0) {
      return failure(quoted + ": '" + std::string(text) + "' is no port (1 to 65535)");
    }
    forced.ports.push_back(port);
  }
  if (forced.ports.empty()) return failure(quoted + ": needs a port, as in 'http;8080'");
  if (!rest.empty()) {
    forced.host = parse_address(rest);
    if (!forced.host) return failure(quoted + ": '" + std::string(rest) + "' is no IP address");
  }
  return forced;
}

bool ForcedProtocol::covers(const Endpoint& server, Transport transport) const {
  if (transport == Transport::kTcp ? !protocol->transports.tcp : !protocol->transports.udp) {
    return false;
  }
  return std::find(ports.begin(), ports.end(), server.port) != ports.end() &&
         (!host || *host == server.address);
}

const ForcedProtocol* find_forced(const std::vector<ForcedProtocol>& rules, const FlowKey& key,
                                  Transport transport, Side& server) {
  for (const ForcedProtocol& rule : rules) {
    for (const Side side : {Side::kA, Side::kB}) {
      if (!rule.covers(key.end(side), transport)) continue;
      server = side;
      return &rule;
    }
  }
  return nullptr;
}

bool has_port(const FlowKey& key, std::span<const std::uint16_t> ports) {
  return std::any_of(ports.begin(), ports.end(), [&](std::uint16_t port) {
    return key.end(Side::kA).port == port || key.end(Side::kB).port == port;
  });
}

}  // namespace weir
