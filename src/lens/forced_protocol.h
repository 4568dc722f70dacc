// --proto 'http;8080,8081[;host]': what is to be taken for a protocol without looking.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/decoder.h"
#include "record/flow_key.h"

namespace weir {

struct ForcedProtocol {
  const Protocol* protocol = nullptr;
  std::vector<std::uint16_t> ports;
  std::optional<IpAddress> host;  // of the server; any when absent

  static Result<ForcedProtocol> parse(std::string_view rule);

  // True when `server` is one of the ends this rule names.
  bool covers(const Endpoint& server, Transport transport) const;
};

// The rule for this connection, and which side is the server by it; null when there is none.
const ForcedProtocol* find_forced(const std::vector<ForcedProtocol>& rules, const FlowKey& key,
                                  Transport transport, Side& server);

// True when one of the ends has one of these ports.
bool has_port(const FlowKey& key, std::span<const std::uint16_t> ports);

}  // namespace weir
