// One HTTP/2 frame's header, and what makes bytes look like frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "protocol/decoder.h"

namespace weir {

inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct Http2Frame {
  static constexpr std::size_t kHeaderBytes = 9;
  enum Type : std::uint8_t {
    kData,
    kHeaders,
    kPriority,
    kRstStream,
    kSettings,
    kPushPromise,
    kPing,
    kGoaway,
    kWindowUpdate,
    kContinuation,
  };
  static constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8,
                                kHasPriority = 32;

  std::uint32_t length = 0;  // of the payload
  std::uint8_t type = 0, flags = 0;
  std::uint32_t stream_id = 0;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  // kHeaderBytes of them.
  static Http2Frame read(Bytes bytes) {
    return {load_be32(bytes.data()) >> 8, bytes[3], bytes[4],
            load_be32(bytes.data() + 5) & 0x7fffffff};
  }
  // As the specification allows; where not, the bytes are no frame.
  bool valid() const;
};

// Where the block of a HEADERS, PUSH_PROMISE or CONTINUATION frame stands in its payload. False
// when padding or the like do not fit.
bool find_http2_fragment(const Http2Frame& frame, Bytes payload, Bytes& fragment);

enum class Http2Look : std::uint8_t { kNo, kMore, kYes };

// Whether frames begin here, in the middle of a direction. kYes: a whole head that only this
// direction sends, or several whole frames.
Http2Look look_at_http2(Bytes bytes, Direction direction);

// The first place where frames may begin; bytes.size() where there is none.
std::size_t find_http2_frame(Bytes bytes, Direction direction);

Match match_http2(Bytes head, Direction direction, Transport transport);

}  // namespace weir
