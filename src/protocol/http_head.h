// The head of an HTTP/1 message: its start line and those headers that decide where the message
// ends or describe the exchange.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "protocol/decoder.h"

namespace weir {

struct HttpHead {
  enum class Length : std::uint8_t {
    kNone,     // no Content-Length
    kValid,    // one, or several that agree
    kBad,      // not a number, or several that contradict
    kEndless,  // a number that no message has
  };

  std::size_t size = 0;  // up to and with the empty line
  // Views into the wire data.
  std::string_view method, target, host, user_agent;  // of a request
  std::string_view upgrade;                           // the protocols offered or chosen
  std::string_view version;                           // "1.1"
  int status = 0;                                     // of a response
  Length length = Length::kNone;
  std::uint64_t content_length = 0;  // with kValid
  bool chunked = false;              // the last transfer coding is chunked
  bool other_coding = false;         // there are transfer codings, and chunked is not the last
  bool folded = false;               // a value that was kept goes over several lines
};

// How far an unfinished head or line has been searched, counted from its first byte; so that bytes
// that come one by one are looked at once.
struct LineScan {
  std::size_t searched = 0;  // no line end from `line` to here
  std::size_t line = 0;      // where the unfinished line begins
};

enum class HeadResult : std::uint8_t { kComplete, kIncomplete, kInvalid };

// Reads a head at the front of `bytes`. kIncomplete leaves in `scan` where to go on; call again
// with the same bytes and more. After any other result `scan` is as new.
HeadResult read_http_head(Bytes bytes, Direction direction, LineScan& scan, HttpHead& head);

// The size of the first line of `bytes`, its line end included; 0 when it is not whole yet.
std::size_t http_line_size(Bytes bytes, LineScan& scan);

// One start line, without its line end. False when it is none.
bool read_http_start_line(std::string_view line, Direction direction, HttpHead& head);

// Whether these bytes, in which no line ends, may begin a start line.
bool may_begin_http_head(std::string_view text, Direction direction);

// The token at the front of `text`: at most one character longer than a method may be.
inline constexpr std::size_t kMaxHttpMethod = 32;
std::string_view http_token(std::string_view text);

// Whether a comma-separated list names this token; `lower` is in lower case.
bool http_list_has(std::string_view list, std::string_view lower);

// A request target taken apart: views into it. Credentials are in none of the parts.
struct HttpTarget {
  std::string_view scheme, authority, path, query;  // scheme: only in absolute form
};
HttpTarget split_http_target(std::string_view method, std::string_view target);

}  // namespace weir
