#include "protocol/http2_head.h"

#include <charconv>

namespace weir {
namespace {

// Where a field of this name is kept; null for those that say nothing here, and for credentials.
std::string_view* place_of(std::string_view name, Http2Head& head) {
  switch (name.size()) {
    case 4:
      return name == "host" ? &head.host : nullptr;
    case 5:
      return name == ":path" ? &head.path : nullptr;
    case 7:
      if (name == ":method") return &head.method;
      return name == ":scheme" ? &head.scheme : nullptr;
    case 10:
      if (name == ":authority") return &head.authority;
      return name == "user-agent" ? &head.user_agent : nullptr;
    case 11:
      return name == "grpc-status" ? &head.grpc_status : nullptr;
    case 12:
      if (name == "content-type") return &head.content_type;
      if (name == "grpc-timeout") return &head.grpc_timeout;
      return name == "grpc-message" ? &head.grpc_message : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

bool Http2Head::is_grpc() const {
  constexpr std::string_view kType = "application/grpc";
  if (!content_type.starts_with(kType)) return false;
  const std::string_view rest = content_type.substr(kType.size());
  return rest.empty() || rest[0] == '+' || rest[0] == ';';
}

bool read_http2_head(Hpack& hpack, Bytes block, TextBuffer& room, Http2Head& head) {
  hpack.begin(block);
  for (HpackField field;;) {
    switch (hpack.next(field)) {
      case Hpack::Result::kEnd:
        return true;
      case Hpack::Result::kInvalid:
        return false;
      case Hpack::Result::kUnknown:
        ++head.unknown;
        continue;
      case Hpack::Result::kField:
        break;
    }
    if (field.name == ":status") {
      const char* const end = field.value.data() + field.value.size();
      const auto [stop, error] = std::from_chars(field.value.data(), end, head.status);
      if (error != std::errc() || stop != end || head.status < 100 || head.status > 999) {
        return false;
      }
      continue;
    }
    std::string_view* const place = place_of(field.name, head);
    if (place == nullptr || !place->empty()) continue;
    const std::size_t mark = room.size();
    room.put(field.value);
    *place = room.since(mark);
  }
}

}  // namespace weir
