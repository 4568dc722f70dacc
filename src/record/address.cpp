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

void append_address(std::string& out, const IpAddress& address) {
  char text[INET6_ADDRSTRLEN];
  if (!address.is_v4()) {
    // Writes RFC 5952, and cannot fail with a buffer of this size.
    out += inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
    return;
  }
  // Two of each record. inet_ntop would format them with sprintf, at nine times the cost.
  char* end = put_octet(text, address.bytes[12]);
  for (std::size_t i = 13; i < 16; ++i) {
    *end++ = '.';
    end = put_octet(end, address.bytes[i]);
  }
  out.append(text, end);
}

}  // namespace weir
