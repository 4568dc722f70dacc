// The head or the trailers of an HTTP/2 message: of its fields those that describe the exchange.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/hpack.h"
#include "protocol/text_buffer.h"

namespace weir {

struct Http2Head {
  // Views into the room that read_http2_head() was given.
  std::string_view method, path, scheme, authority, host, user_agent, content_type;
  std::string_view grpc_status, grpc_message, grpc_timeout;
  int status = 0;             // 0: none
  std::uint32_t unknown = 0;  // fields of which a lost table entry tells the name

  bool is_request() const {
    return !method.empty() || !path.empty() || !scheme.empty() || !authority.empty();
  }
  bool is_grpc() const;  // by its content type
};

// Reads the whole block through its direction's table. False where it is none, or its values are
// out of bounds: the table is lost.
bool read_http2_head(Hpack& hpack, Bytes block, TextBuffer& room, Http2Head& head);

}  // namespace weir
