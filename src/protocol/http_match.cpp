#include "protocol/http_match.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "protocol/http_head.h"

namespace weir {

namespace {

constexpr std::string_view kStatusShape = "HTTP/1.d ddd";

// The ten that semantic conventions know, then those of WebDAV and its relatives.
constexpr std::size_t kConventional = 10;
constexpr std::string_view kMethods[] = {"GET",
                                         "POST",
                                         "PUT",
                                         "HEAD",
                                         "DELETE",
                                         "OPTIONS",
                                         "PATCH",
                                         "CONNECT",
                                         "TRACE",
                                         "QUERY",
                                         "PROPFIND",
                                         "PROPPATCH",
                                         "MKCOL",
                                         "COPY",
                                         "MOVE",
                                         "LOCK",
                                         "UNLOCK",
                                         "SEARCH",
                                         "REPORT",
                                         "ACL",
                                         "BIND",
                                         "UNBIND",
                                         "REBIND",
                                         "CHECKIN",
                                         "CHECKOUT",
                                         "UNCHECKOUT",
                                         "MERGE",
                                         "UPDATE",
                                         "LABEL",
                                         "MKACTIVITY",
                                         "MKCALENDAR",
                                         "MKREDIRECTREF",
                                         "MKWORKSPACE",
                                         "ORDERPATCH",
                                         "BASELINE-CONTROL",
                                         "VERSION-CONTROL",
                                         "LINK",
                                         "UNLINK",
                                         "SUBSCRIBE",
                                         "UNSUBSCRIBE",
                                         "NOTIFY",
                                         "PURGE"};
constexpr std::size_t kLongestMethod = 16;

bool is_known_method(std::string_view method) {
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The first line, without its line end where it has one.
std::string_view first_line(std::string_view text, std::size_t end) {
  text = text.substr(0, end);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

// Whether a target may begin with these bytes; the stricter test, for the middle of a stream.
bool plausible_target(std::string_view method, std::string_view rest) {
  if (rest.empty() || method == "CONNECT") return true;
  constexpr std::string_view kAbsolute = "http";
  const std::string_view start = rest.substr(0, kAbsolute.size());
  return rest.front() == '/' || rest.front() == '*' || start == kAbsolute.substr(0, start.size());
}

// The longest known method that ends `text`.
std::string_view method_before(std::string_view text) {
  std::string_view longest;
  if (text.empty() || text.back() < 'A' || text.back() > 'Z') return longest;
  for (std::string_view method : kMethods) {
    if (method.size() > longest.size() && text.ends_with(method)) longest = method;
  }
  return longest;
}

bool is_method_prefix(std::string_view text) {
  return std::any_of(std::begin(kMethods), std::end(kMethods),
                     [&](std::string_view method) { return method.starts_with(text); });
}

std::size_t find_request(std::string_view text) {
  std::size_t end = 0;  // of the line that `space` is in
  for (std::size_t space = text.find(' '); space != std::string_view::npos;
       space = text.find(' ', space + 1)) {
    const std::string_view method = method_before(text.substr(0, space));
    if (method.empty() || !plausible_target(method, text.substr(space + 1))) continue;
    const std::size_t begin = space - method.size();
    if (end <= space) end = text.find('\n', space);
    if (end == std::string_view::npos) return begin;
    HttpHead head;
    const std::string_view line = first_line(text.substr(begin), end - begin);
    if (read_http_start_line(line, Direction::kToServer, head)) return begin;
  }
  const std::size_t tail = text.size() - std::min(text.size(), kLongestMethod);
  for (std::size_t begin = tail; begin < text.size(); ++begin) {
    if (is_method_prefix(text.substr(begin))) return begin;
  }
  return text.size();
}

Match match_status_line(std::string_view text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = first_line(text, end);
  if (line.size() >= kStatusShape.size()) {
    HttpHead head;
    return read_http_start_line(line, Direction::kToClient, head) ? Match::kYes : Match::kNo;
  }
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (kStatusShape[i] == 'd' ? !is_digit(line[i]) : line[i] != kStatusShape[i]) return Match::kNo;
  }
  return end == std::string_view::npos ? Match::kNeedMore : Match::kNo;
}

std::size_t find_response(std::string_view text) {
  for (std::size_t begin = text.find('H'); begin != std::string_view::npos;
       begin = text.find('H', begin + 1)) {
    if (match_status_line(text.substr(begin, 64)) != Match::kNo) return begin;
  }
  return text.size();
}

Match match_request_line(std::string_view text, bool all_there_will_be) {
  if (!may_begin_http_head(text, Direction::kToServer)) return Match::kNo;
  const std::size_t end = text.find('\n');
  HttpHead head;
  if (end != std::string_view::npos) {
    const std::string_view line = first_line(text, end);
    return read_http_start_line(line, Direction::kToServer, head) ? Match::kYes : Match::kNo;
  }
  const std::string_view method = http_token(text);
  const std::string_view rest = text.substr(method.size());
  if (std::any_of(rest.begin(), rest.end(), [](char c) {
        return static_cast<std::uint8_t>(c) < 0x20 && c != '\t' && c != '\r';
      })) {
    return Match::kNo;
  }
  if (!all_there_will_be) return Match::kNeedMore;
  if (!is_known_method(method)) return Match::kMaybe;
  return plausible_target(method, rest.substr(std::min<std::size_t>(rest.size(), 1)))
             ? Match::kYes
             : Match::kMaybe;
}

}  // namespace

Match match_http_head(Bytes head, Direction direction) {
  std::string_view text = as_text(head);
  while (!text.empty() && (text.front() == '\r' || text.front() == '\n')) text.remove_prefix(1);
  if (text.empty()) return head.size() <= 8 ? Match::kNeedMore : Match::kNo;
  return direction == Direction::kToServer
             ? match_request_line(text, head.size() >= Protocol::kMatchBytes)
             : match_status_line(text);
}

std::size_t find_http_head(Bytes bytes, Direction direction) {
  const std::string_view text = as_text(bytes);
  return direction == Direction::kToServer ? find_request(text) : find_response(text);
}

bool is_conventional_http_method(std::string_view method) {
  const auto end = std::begin(kMethods) + kConventional;
  return std::find(std::begin(kMethods), end, method) != end;
}

}  // namespace weir
