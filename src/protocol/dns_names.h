// The names that IANA's DNS parameters registry gives to numbers. Empty where it has none.
// https://www.iana.org/assignments/dns-parameters
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

std::string_view dns_type_name(std::uint16_t type);     // "AAAA"; 255 is "ANY"
std::string_view dns_rcode_name(std::uint16_t rcode);   // "NXDOMAIN"; extended codes too
std::string_view dns_opcode_name(std::uint8_t opcode);  // "UPDATE"

}  // namespace weir
