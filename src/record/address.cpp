#include "record/address.h"

#include <arpa/inet.h>

namespace weir {

void append_address(std::string& out, const IpAddress& address) {
  char text[INET6_ADDRSTRLEN];
  const bool v4 = address.is_v4();
  const void* source = v4 ? address.bytes.data() + 12 : address.bytes.data();
  // inet_ntop writes RFC 5952, and cannot fail with a buffer of this size.
  out += inet_ntop(v4 ? AF_INET : AF_INET6, source, text, sizeof text);
}

}  // namespace weir
