// The names that people have for IP protocols.
#pragma once

#include <cstdint>
#include <string>

namespace weir {

// "tcp", "icmp", ...; "ip-N" for those without a common name.
std::string ip_protocol_text(std::uint8_t number);

}  // namespace weir
