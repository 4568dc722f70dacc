#include "protocol/http_head.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weir {

namespace {

constexpr std::uint64_t kMaxLength = std::uint64_t{1} << 60;
constexpr std::string_view kVersionPrefix = "HTTP/1.";
constexpr std::size_t kStatusLineMin = 12;  // "HTTP/1.1 200"

constexpr std::array<bool, 256> kTokenChars = [] {
  std::array<bool, 256> table{};
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<std::uint8_t>(c)] = true;
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  return table;
}();

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_space(char c) { return is_blank(c) || c == '\r' || c == '\n'; }
std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// `lower` is in lower case.
bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b; });
}

// `line` is without its line end.
bool read_request_line(std::string_view line, HttpHead& head) {
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  head.method = http_token(line);
  const std::size_t method = head.method.size();
  constexpr std::size_t kVersionSize = kVersionPrefix.size() + 1;
  if (method == 0 || method > kMaxHttpMethod || line.size() < method + 3 + kVersionSize)
    return false;
  const std::size_t version = line.size() - kVersionSize;
  if (line.substr(version, kVersionPrefix.size()) != kVersionPrefix || !is_digit(line.back()) ||
      !is_blank(line[method]) || !is_blank(line[version - 1])) {
    return false;
  }
  head.version = line.substr(version + kVersionSize - 3);
  head.target = trim(line.substr(method, version - method));
  return !head.target.empty();
}

bool read_status_line(std::string_view line, HttpHead& head) {
  if (line.size() < kStatusLineMin || !line.starts_with(kVersionPrefix) || !is_digit(line[7]) ||
      line[8] != ' ' || !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11])) {
    return false;
  }
  head.version = line.substr(5, 3);
  head.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  return head.status >= 100 && (line.size() == kStatusLineMin || is_blank(line[kStatusLineMin]));
}

// Digits only, no sign. False when it is no number; kMaxLength for whatever is larger.
bool read_decimal(std::string_view text, std::uint64_t& value) {
  value = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    value = std::min(kMaxLength, value * 10 + static_cast<std::uint64_t>(c - '0'));
  }
  return !text.empty();
}

// One Content-Length header; its value may be a list of equal numbers.
void add_length(std::string_view value, HttpHead& head) {
  for (bool more = true; more;) {
    const std::size_t comma = value.find(',');
    more = comma != std::string_view::npos;
    std::uint64_t length = 0;
    const bool number = read_decimal(trim(value.substr(0, comma)), length);
    const bool first = head.length == HttpHead::Length::kNone;
    if (!number || (!first && length != head.content_length)) {
      head.length = HttpHead::Length::kBad;
      return;
    }
    if (head.length == HttpHead::Length::kBad) return;
    head.content_length = length;
    head.length = length < kMaxLength ? HttpHead::Length::kValid : HttpHead::Length::kEndless;
    if (more) value.remove_prefix(comma + 1);
  }
}

// One Transfer-Encoding header: the last coding of the last header counts.
void add_coding(std::string_view value, HttpHead& head) {
  std::string_view last = value.substr(value.rfind(',') + 1);
  last = trim(last.substr(0, last.find(';')));
  if (last.empty() || equals_ignoring_case(last, "identity")) return;
  head.chunked = equals_ignoring_case(last, "chunked");
  head.other_coding = !head.chunked;
}

enum class Name : std::uint8_t { kOther, kHost, kUserAgent, kLength, kCoding, kUpgrade };

struct Header {
  Name name = Name::kOther;
  std::string_view value;
};

bool has_name(std::string_view line, std::string_view lower, std::string_view& value) {
  if (line.size() <= lower.size()) return false;
  std::size_t colon = lower.size();
  if (line[colon] != ':') {
    while (colon < line.size() && is_blank(line[colon])) ++colon;
    if (colon == line.size() || line[colon] != ':') return false;
  }
  if (!equals_ignoring_case(line.substr(0, lower.size()), lower)) return false;
  value = line.substr(colon + 1);
  return true;
}

Header read_header(std::string_view line, Direction direction) {
  const bool request = direction == Direction::kToServer;
  Header header;
  std::string_view& value = header.value;
  switch (line.front() | 0x20) {
    case 'c':
      if (has_name(line, "content-length", value)) header.name = Name::kLength;
      break;
    case 't':
      if (has_name(line, "transfer-encoding", value)) header.name = Name::kCoding;
      break;
    case 'h':
      if (request && has_name(line, "host", value)) header.name = Name::kHost;
      break;
    case 'u':
      if (request && has_name(line, "user-agent", value)) header.name = Name::kUserAgent;
      if (has_name(line, "upgrade", value)) header.name = Name::kUpgrade;
      break;
    default:
      break;
  }
  return header;
}

void apply(const Header& header, HttpHead& head) {
  const std::string_view value = header.name == Name::kOther ? "" : trim(header.value);
  switch (header.name) {
    case Name::kOther:
      break;
    case Name::kHost:
      if (head.host.empty()) head.host = value;
      break;
    case Name::kUserAgent:
      if (head.user_agent.empty()) head.user_agent = value;
      break;
    case Name::kLength:
      add_length(value, head);
      break;
    case Name::kCoding:
      add_coding(value, head);
      break;
    case Name::kUpgrade:
      head.upgrade = value;
      break;
  }
}

// The position after the empty line, searching on from `scan`; 0 when it is not there yet.
std::size_t find_head_end(std::string_view text, LineScan& scan) {
  for (;;) {
    const std::size_t end = text.find('\n', scan.searched);
    if (end == std::string_view::npos) {
      scan.searched = text.size();
      return 0;
    }
    const std::size_t size = end - scan.line;
    if (scan.line != 0 && (size == 0 || (size == 1 && text[scan.line] == '\r'))) return end + 1;
    scan.searched = scan.line = end + 1;
  }
}

// Reads `text` line by line up to the empty line. kIncomplete: `line` is where the unfinished line
// begins.
HeadResult read_lines(std::string_view text, Direction direction, HttpHead& head,
                      std::size_t& line) {
  Header header;
  for (line = 0;;) {
    const std::size_t end = text.find('\n', line);
    if (end == std::string_view::npos) return HeadResult::kIncomplete;
    std::size_t size = end - line;
    if (size != 0 && text[end - 1] == '\r') --size;
    const std::string_view content = text.substr(line, size);
    if (line == 0) {
      if (!read_http_start_line(content, direction, head)) return HeadResult::kInvalid;
    } else if (size == 0) {
      apply(header, head);
      head.size = end + 1;
      return HeadResult::kComplete;
    } else if (!is_blank(content.front())) {
      apply(header, head);
      header = read_header(content, direction);
    } else if (header.name != Name::kOther) {
      const char* begin = header.value.data();
      header.value = {begin, static_cast<std::size_t>(content.data() + size - begin)};
      head.folded = true;
    }
    line = end + 1;
  }
}

}  // namespace

std::string_view http_token(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size() && size <= kMaxHttpMethod &&
         kTokenChars[static_cast<std::uint8_t>(text[size])]) {
    ++size;
  }
  return text.substr(0, size);
}

bool may_begin_http_head(std::string_view text, Direction direction) {
  if (direction == Direction::kToClient) {
    const std::size_t size = std::min(text.size(), kVersionPrefix.size());
    return text.substr(0, size) == kVersionPrefix.substr(0, size);
  }
  const std::size_t method = http_token(text).size();
  if (method == text.size()) return method <= kMaxHttpMethod;
  return method != 0 && method <= kMaxHttpMethod && is_blank(text[method]);
}

bool read_http_start_line(std::string_view line, Direction direction, HttpHead& head) {
  return direction == Direction::kToServer ? read_request_line(line, head)
                                           : read_status_line(line, head);
}

HeadResult read_http_head(Bytes bytes, Direction direction, LineScan& scan, HttpHead& head) {
  const std::string_view text = as_text(bytes);
  if (scan.line != 0) {
    if (find_head_end(text, scan) == 0) return HeadResult::kIncomplete;
  } else if (scan.searched != 0 && text.find('\n', scan.searched) == std::string_view::npos) {
    scan.searched = text.size();
    if (may_begin_http_head(text, direction)) return HeadResult::kIncomplete;
    scan = {};
    return HeadResult::kInvalid;
  }
  std::size_t line = 0;
  HeadResult result = read_lines(text, direction, head, line);
  if (result == HeadResult::kIncomplete) {
    scan = {text.size(), line};
    if (line != 0 || may_begin_http_head(text, direction)) return result;
    result = HeadResult::kInvalid;
  }
  scan = {};
  return result;
}

std::size_t http_line_size(Bytes bytes, LineScan& scan) {
  const std::size_t end = as_text(bytes).find('\n', scan.searched);
  scan.searched = end == std::string_view::npos ? bytes.size() : 0;
  return end == std::string_view::npos ? 0 : end + 1;
}

bool http_list_has(std::string_view list, std::string_view lower) {
  for (;;) {
    const std::size_t comma = list.find(',');
    if (equals_ignoring_case(trim(list.substr(0, comma)), lower)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

HttpTarget split_http_target(std::string_view method, std::string_view target) {
  HttpTarget parts;
  const auto without_credentials = [](std::string_view authority) {
    return authority.substr(authority.rfind('@') + 1);
  };
  if (method == "CONNECT") {
    parts.authority = without_credentials(target);
    return parts;
  }
  const std::size_t colon = target.front() == '/' ? std::string_view::npos : target.find("://");
  if (colon != std::string_view::npos && http_token(target.substr(0, colon)).size() == colon) {
    parts.scheme = target.substr(0, colon);
    target.remove_prefix(colon + 3);
    const std::size_t end = std::min(target.find_first_of("/?#"), target.size());
    parts.authority = without_credentials(target.substr(0, end));
    target = end == target.size() ? std::string_view("/") : target.substr(end);
  }
  const std::size_t question = target.find('?');
  parts.path = target.substr(0, question);
  if (question != std::string_view::npos) parts.query = target.substr(question + 1);
  return parts;
}

}  // namespace weir
