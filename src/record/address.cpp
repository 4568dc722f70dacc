#include "record/address.h"

#include <arpa/inet.h>

namespace weir {
namespace {

char* put_octet(char* out, unsigned octet) {
  if (octet >= 100) *out++ = static_cast<char>('0' + octet / 100);
  if (octet >= 10) *out++ = static_cast<char>('0' + octet / 10 % 10);
  *out++ = static_cast<char>('0' + octet % 10);
  return out;
}

}  // namespace

char* put_ipv4(char* out, const std::uint8_t* four) {
  out = put_octet(out, four[0]);
  for (std::size_t i = 1; i < 4; ++i) {
    *out++ = '.';
    out = put_octet(out, four[i]);
  }
  return out;
}

void append_address(std::string& out, const IpAddress& address) {
  char text[INET6_ADDRSTRLEN];
  if (!address.is_v4()) {
    // Writes RFC 5952, and cannot fail with a buffer of this size.
    out += inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
    return;
  }
  char* const end = put_ipv4(text, address.bytes.data() + 12);
  out.append(text, end);
}

}  // namespace weir
