#include "protocol/redis_match.h"

#include <algorithm>
#include <cstring>

#include "protocol/redis_commands.h"
#include "protocol/redis_resp.h"

namespace weir {
namespace {

constexpr std::int64_t kMaxArguments = 1 << 20;
constexpr std::string_view kNumberMarks = "*$!=~%>|";
constexpr std::string_view kNumberCharacters = "0123456789-?";

struct Line {
  std::string_view text;  // without its mark and its end
  bool complete = false;
  std::size_t size = 0;  // with both
};

Line first_line(Bytes bytes) {
  const std::string_view all = as_text(bytes);
  const std::size_t end = all.find('\r');
  if (end == std::string_view::npos) return {all.substr(1), false, all.size()};
  const bool complete = end + 1 < all.size() && all[end + 1] == '\n';
  return {all.substr(1, end - 1), complete, std::min(all.size(), end + 2)};
}

// A value's first line, and for a string that is here as a whole, its end.
Match match_value(Bytes bytes) {
  const char mark = static_cast<char>(bytes[0]);
  const bool sized = mark != 0 && kNumberMarks.find(mark) != std::string_view::npos;
  const Line line = first_line(bytes.first(
      std::min<std::size_t>(bytes.size(), sized ? kRespNumber : Protocol::kMatchBytes)));
  if (!line.complete) {
    if (sized) {
      const bool numeric = line.text.find_first_not_of(kNumberCharacters) == std::string_view::npos;
      return numeric && bytes.size() < kRespNumber ? Match::kNeedMore : Match::kNo;
    }
    const bool known = mark != 0 && std::strchr("+-:,(#_", mark) != nullptr;
    // A line that ends otherwise is another protocol's.
    return known && line.text.find('\n') == std::string_view::npos ? Match::kNeedMore : Match::kNo;
  }
  if (!is_resp_line(mark, line.text)) return Match::kNo;
  if (mark == '+' && line.text.starts_with("OK ")) return Match::kNo;  // POP3
  if (mark == '$' || mark == '!' || mark == '=') {
    std::int64_t size = 0;
    if (!read_resp_number(line.text, size) || size < 0) return Match::kMaybe;
    const std::uint64_t end = line.size + static_cast<std::uint64_t>(size);
    if (end + 2 <= bytes.size()) {
      const auto at = static_cast<std::size_t>(end);
      if (bytes[at] != '\r' || bytes[at + 1] != '\n') return Match::kNo;
    }
  }
  return Match::kMaybe;
}

// *N CR LF $M CR LF name
Match match_multibulk(Bytes bytes) {
  const Line line = first_line(bytes.first(std::min(bytes.size(), kRespNumber)));
  if (!line.complete) return match_value(bytes);
  std::int64_t count = 0;
  if (!read_resp_number(line.text, count) || count > kMaxArguments) return Match::kNo;
  if (count <= 0) return Match::kMaybe;  // what a server passes over
  const Bytes name = bytes.subspan(line.size);
  if (name.empty()) return Match::kNeedMore;
  if (name[0] != '$') return Match::kNo;
  const Match found = match_value(name);
  if (found != Match::kMaybe) return found;
  const Line size = first_line(name);
  std::int64_t length = 0;
  if (!read_resp_number(size.text, length) || length < 0) return Match::kNo;
  const std::string_view text = as_text(name.subspan(size.size));
  const auto letters = static_cast<std::size_t>(length);
  // A reply can be such an array as well; only a command's name tells them apart.
  if (text.size() >= letters)
    return is_redis_command(text.substr(0, letters)) ? Match::kYes : Match::kMaybe;
  return may_be_redis_command(text) && letters < kRespNumber ? Match::kNeedMore : Match::kMaybe;
}

Match match_inline(Bytes bytes) {
  std::string_view line = as_text(bytes);
  const std::size_t end = line.find('\n');
  const std::string_view word = line.substr(0, line.find_first_of(" \r\n"));
  if (end == std::string_view::npos) {
    const bool possible =
        word.size() == line.size() ? may_be_redis_command(word) : is_redis_command(word);
    return possible && bytes.size() < Protocol::kMatchBytes ? Match::kNeedMore : Match::kNo;
  }
  line = line.substr(0, end);
  if (line.find(" HTTP/") != std::string_view::npos) return Match::kNo;
  return is_redis_command(word) ? Match::kMaybe : Match::kNo;
}

// Whether all the lines that are here are commands: one line of a long text may look like one.
bool are_inline_commands(Bytes bytes) {
  bytes = bytes.first(std::min(bytes.size(), Protocol::kMatchBytes));
  while (!bytes.empty()) {
    const bool blank =
        bytes[0] == '\n' || (bytes[0] == '\r' && bytes.size() > 1 && bytes[1] == '\n');
    if (!blank && match_inline(bytes) == Match::kNo) return false;
    const void* end = std::memchr(bytes.data(), '\n', bytes.size());
    if (end == nullptr) break;
    bytes = bytes.subspan(
        static_cast<std::size_t>(static_cast<const std::uint8_t*>(end) - bytes.data()) + 1);
    if (!bytes.empty() && bytes[0] == '*') break;
  }
  return true;
}

// A reply's line, sent to a server, is an unknown command to it.
bool is_stray_line(Bytes bytes) {
  constexpr std::string_view kMarks = "$+-:";
  const char mark = static_cast<char>(bytes[0]);
  const Line line = first_line(bytes.first(std::min(bytes.size(), Protocol::kMatchBytes)));
  return line.complete && kMarks.find(mark) != std::string_view::npos &&
         std::all_of(line.text.begin(), line.text.end(),
                     [](char c) { return c >= ' ' && c <= '~'; });
}

// What a server passes over: empty lines.
Bytes without_empty_lines(Bytes bytes) {
  for (;;) {
    if (!bytes.empty() && bytes[0] == '\n') {
      bytes = bytes.subspan(1);
    } else if (bytes.size() > 1 && bytes[0] == '\r' && bytes[1] == '\n') {
      bytes = bytes.subspan(2);
    } else {
      return bytes.size() == 1 && bytes[0] == '\r' ? Bytes{} : bytes;
    }
  }
}

bool may_begin(Bytes bytes, Direction direction, bool inline_commands) {
  if (direction == Direction::kToClient) return match_value(bytes) != Match::kNo;
  if (bytes[0] == '*') return match_multibulk(bytes) != Match::kNo;
  return inline_commands && match_inline(bytes) != Match::kNo && are_inline_commands(bytes);
}

}  // namespace

Match match_redis(Bytes head, Direction direction) {
  if (head.empty()) return Match::kNeedMore;
  if (direction == Direction::kToClient) return match_value(head);
  head = without_empty_lines(head);
  if (head.empty()) return Match::kNeedMore;
  if (head[0] == '*') return match_multibulk(head);
  const char mark = static_cast<char>(head[0]);
  const bool letter = (mark >= 'a' && mark <= 'z') || (mark >= 'A' && mark <= 'Z');
  if (letter) return match_inline(head);
  return is_stray_line(head) ? Match::kMaybe : match_value(head);
}

std::size_t find_redis(Bytes bytes, Direction direction, std::size_t from, bool inline_commands) {
  const bool client = direction == Direction::kToServer;
  for (std::size_t at = from; at < bytes.size();) {
    const bool line_start =
        at == 0 || (bytes[at - 1] == '\n' &&
                    ((client && inline_commands) || at == 1 || bytes[at - 2] == '\r'));
    if (line_start && may_begin(bytes.subspan(at), direction, inline_commands)) {
      return at;
    }
    const void* next = std::memchr(bytes.data() + at, '\n', bytes.size() - at);
    if (next == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(next) - bytes.data()) + 1;
  }
  return bytes.size();
}

}  // namespace weir
