#include "protocol/redis_resp.h"

#include <algorithm>
#include <cstring>

namespace weir {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\0' || c == '\n'; });
}

bool is_integer(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

bool is_double(std::string_view text) {
  constexpr std::string_view kAllowed = "0123456789+-.eEinfaINFA";
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool is_size(std::string_view line) {
  std::int64_t number = 0;
  return line == "?" || (read_resp_number(line, number) && number >= -1);
}

// Whether a short line of text ends in the bytes from `at`, which is then moved behind it.
bool read_short_text(Bytes bytes, std::size_t& at) {
  constexpr std::size_t kShort = 16;
  const std::size_t end = std::min(bytes.size(), at + kShort);
  for (std::size_t i = at; i + 1 < end; ++i) {
    if (bytes[i] == '\r') {
      if (bytes[i + 1] != '\n') return false;
      at = i + 2;
      return true;
    }
    if (bytes[i] == '\0' || bytes[i] == '\n') return false;
  }
  return false;
}

bool ends_string(Bytes bytes, std::size_t at) { return bytes[at] == '\r' && bytes[at + 1] == '\n'; }

}  // namespace

std::string_view resp_type_name(const RespReader::Value& value) {
  switch (value.mark) {
    case '+':
      return "simple";
    case '-':
    case '!':
      return "error";
    case ':':
      return "int";
    case '$':
      return value.null ? "null" : "bulk";
    case '*':
      return value.null ? "null_array" : "array";
    case '_':
      return "null";
    case '%':
      return "map";
    case '~':
      return "set";
    case ',':
      return "double";
    case '#':
      return "bool";
    case '(':
      return "bignum";
    case '=':
      return "verbatim";
    default:
      return "push";
  }
}

RespResult find_resp_line(Bytes bytes, std::size_t at, std::uint64_t offset, std::size_t longest,
                          std::uint64_t& searched, std::string_view& line) {
  std::size_t from = at;
  if (searched > offset + at) from = static_cast<std::size_t>(searched - offset);
  from = std::min(from, bytes.size());
  const std::size_t until = std::min(bytes.size(), at + longest + 1);
  const void* found = from < until ? std::memchr(bytes.data() + from, '\r', until - from) : nullptr;
  if (found == nullptr) {
    if (bytes.size() > at + longest) return RespResult::kInvalid;
    searched = offset + bytes.size();
    return RespResult::kNeedMore;
  }
  const auto end = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
  searched = offset + end;
  if (end + 1 == bytes.size()) return RespResult::kNeedMore;
  if (bytes[end + 1] != '\n') return RespResult::kInvalid;
  line = as_text(bytes.subspan(at, end - at));
  return RespResult::kValue;
}

RespResult read_any_resp_size(Bytes bytes, std::size_t& at, std::int64_t& number) {
  constexpr std::ptrdiff_t kMostDigits = 18;
  const std::uint8_t* const end = bytes.data() + bytes.size();
  const std::uint8_t* p = bytes.data() + at;
  const bool negative = p != end && *p == '-';
  if (negative) ++p;
  const std::uint8_t* const digits = p;
  std::int64_t value = 0;
  for (; p != end; ++p) {
    const unsigned digit = *p - unsigned{'0'};
    if (digit > 9) break;
    if (p - digits == kMostDigits) return RespResult::kInvalid;
    value = value * 10 + digit;
  }
  if (p == end) return RespResult::kNeedMore;
  if (p == digits || *p != '\r') return RespResult::kInvalid;
  if (p + 1 == end) return RespResult::kNeedMore;
  if (p[1] != '\n') return RespResult::kInvalid;
  number = negative ? -value : value;
  at = static_cast<std::size_t>(p + 2 - bytes.data());
  return RespResult::kValue;
}

bool read_resp_number(std::string_view text, std::int64_t& number) {
  constexpr std::size_t kMostDigits = 18;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > kMostDigits) return false;
  number = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    number = number * 10 + (c - '0');
  }
  if (negative) number = -number;
  return true;
}

bool is_resp_line(char mark, std::string_view line) {
  switch (mark) {
    case '+':
    case '-':
      return is_printable(line);
    case ':':
    case '(':
      return is_integer(line);
    case ',':
      return is_double(line);
    case '#':
      return line == "t" || line == "f";
    case '_':
      return line.empty();
    case '$':
    case '*':
    case '!':
    case '=':
    case '~':
    case '%':
    case '>':
    case '|':
      return is_size(line);
    default:
      return false;
  }
}

RespResult RespRemainder::pass(Bytes bytes, std::size_t& at, std::uint64_t& skip) {
  const std::uint64_t here = std::min<std::uint64_t>(left_, bytes.size() - at);
  at += static_cast<std::size_t>(here);
  left_ -= here;
  if (left_ != 0) {
    skip = left_;
    left_ = 0;
    pending_ = end_;
    return RespResult::kSkip;
  }
  if (end_) {
    if (bytes.size() - at < kEnd) return RespResult::kNeedMore;
    if (!ends_string(bytes, at)) return RespResult::kInvalid;
    at += kEnd;
  }
  pending_ = false;
  return RespResult::kValue;
}

RespResult RespReader::read(Bytes bytes, std::size_t& at, std::uint64_t offset,
                            std::uint64_t& skip) {
  for (;;) {
    if (!begun_ && at + 2 < bytes.size() && top() && !rest_.pending() && bytes[at] == '+') {
      std::size_t next = at + 1;
      if (read_short_text(bytes, next)) {  // the usual answer to what changes something
        value_.mark = '+';
        value_.null = false;
        value_.begin = offset + at;
        value_.end = offset + next;
        value_.count = 0;
        value_.text = as_text(bytes.subspan(at + 1, next - 2 - (at + 1)));
        value_.first = {};
        at = next;
        large_ = passed_ = false;
        return RespResult::kValue;
      }
    }
    if (rest_.pending()) {
      const RespResult passed = rest_.pass(bytes, at, skip);
      if (passed != RespResult::kValue) return passed;
      if (told_) {
        told_ = false;
        continue;
      }
      if (item_done(offset + at) == RespResult::kValue) return RespResult::kValue;
    }
    if (nested() && holds() && offset + at - value_.begin > kRespLarge) {
      if (show_early()) return RespResult::kLarge;
    }
    if (at == bytes.size()) return RespResult::kNeedMore;
    if (!begun_) {
      begun_ = true;
      large_ = passed_ = false;
      value_ = {};
      value_.begin = offset + at;
    }
    const std::size_t before = at;
    const RespResult result = read_item(bytes, at, offset);
    if (result != RespResult::kNeedMore || at == before) return result;
  }
}

// One line, and a short string behind it. kNeedMore with `at` moved: go on.
RespResult RespReader::read_item(Bytes bytes, std::size_t& at, std::uint64_t offset) {
  const char mark = static_cast<char>(bytes[at]);
  // The usual ones without a search; whatever is unusual about them is left to what follows.
  if (top() || frames_.back().kind != Kind::kChunks) {
    std::int64_t number = 0;
    std::size_t next = at + 1;
    if (mark == '$' && read_resp_size(bytes, next, number) == RespResult::kValue) {
      if (top()) value_.mark = mark;
      return read_string(bytes, at, offset, mark, number, next);
    }
    if ((mark == ':' && read_resp_size(bytes, next, number) == RespResult::kValue) ||
        (mark == '+' && read_short_text(bytes, next))) {
      if (top()) value_.mark = mark;
      note(as_text(bytes.subspan(at + 1, next - 2 - (at + 1))));
      at = next;
      return item_done(offset + at);
    }
  }
  const bool text = mark == '+' || mark == '-' || mark == '(';
  std::string_view line;
  const RespResult found = find_resp_line(bytes, at + 1, offset,
                                          text ? longest_line_ : kRespNumber * 2, searched_, line);
  if (found != RespResult::kValue) {
    const bool known =
        mark == ';' || mark == '.' || std::strchr("+-:,(#_$*!=~%>|", mark) != nullptr;
    return mark != 0 && known ? found : RespResult::kInvalid;
  }
  const std::size_t next = at + 1 + line.size() + 2;
  const bool chunks = !top() && frames_.back().kind == Kind::kChunks;
  if (chunks != (mark == ';')) return RespResult::kInvalid;
  if (mark == '.') {
    if (!line.empty() || top() || frames_.back().kind != Kind::kStreamed)
      return RespResult::kInvalid;
    at = next;
    return close(Kind::kStreamed) == RespResult::kValue ? item_done(offset + at)
                                                        : RespResult::kNeedMore;
  }
  if (mark != ';' && !is_resp_line(mark, line)) return RespResult::kInvalid;
  if (top() && mark != '|') value_.mark = mark;
  switch (mark) {
    case '$':
    case '!':
    case '=':
    case ';': {
      if (line == "?" && mark == '$') {
        at = next;
        return open(Kind::kChunks, 0);
      }
      std::int64_t size = 0;
      if (!read_resp_number(line, size)) return RespResult::kInvalid;
      return read_string(bytes, at, offset, mark, size, next);
    }
    case '*':
    case '~':
    case '%':
    case '>':
    case '|': {
      at = next;
      const RespResult opened = read_aggregate(mark, line);
      return opened == RespResult::kValue ? item_done(offset + at) : opened;
    }
    default:
      note(line);
      at = next;
      return item_done(offset + at);
  }
}

RespResult RespReader::read_string(Bytes bytes, std::size_t& at, std::uint64_t offset, char mark,
                                   std::int64_t number, std::size_t data) {
  if (number < (mark == '$' ? -1 : 0)) return RespResult::kInvalid;
  if (number == -1 || (number == 0 && mark == ';')) {
    if (number == 0) close(Kind::kChunks);
    value_.null = top() && number == -1;
    at = data;
    return item_done(offset + at);
  }
  const auto size = static_cast<std::uint64_t>(number);
  if (size > kRespMaxString) return RespResult::kInvalid;
  const std::size_t here = bytes.size() - data;
  if (size <= kRespWhole) {
    if (here < size + 2) return RespResult::kNeedMore;
    const auto length = static_cast<std::size_t>(size);
    if (!ends_string(bytes, data + length)) return RespResult::kInvalid;
    at = data + length + 2;
    if (mark == ';') return RespResult::kNeedMore;
    note(as_text(bytes.subspan(data, length)));
    return item_done(offset + at);
  }
  if (mark == '!' && top()) {
    if (here < kRespWhole) return RespResult::kNeedMore;
    note(as_text(bytes.subspan(data, kRespWhole)));
  }
  if (!top() && holds() && show_early()) return RespResult::kLarge;
  at = data;
  rest_.begin(size, top());
  told_ = top() || mark == ';';
  if (!top()) return RespResult::kNeedMore;
  value_.end = offset + data + size + 2;
  begun_ = false;
  return RespResult::kValue;
}

// False: there is nothing to show yet, for what came so far are attributes.
bool RespReader::show_early() {
  (value_.mark != 0 ? large_ : passed_) = true;
  return large_;
}

// kValue: it has no elements.
RespResult RespReader::read_aggregate(char mark, std::string_view line) {
  const bool attribute = mark == '|';
  if (top() && !attribute) awaits_first_ = true;
  if (line == "?") return attribute ? RespResult::kInvalid : open(Kind::kStreamed, 0);
  std::int64_t count = 0;
  if (!read_resp_number(line, count) || count < (mark == '*' ? -1 : 0)) return RespResult::kInvalid;
  if (static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)) > kRespMaxCount) {
    return RespResult::kInvalid;
  }
  if (top() && !attribute) {
    value_.null = count < 0;
    value_.count = count;
  }
  if (count <= 0) return attribute ? RespResult::kNeedMore : RespResult::kValue;
  const auto elements = static_cast<std::uint64_t>(count) * (attribute || mark == '%' ? 2 : 1);
  return open(attribute ? Kind::kAttribute : Kind::kCounted, elements);
}

RespResult RespReader::open(Kind kind, std::uint64_t elements) {
  if (frames_.size() == kMaxDepth) return RespResult::kInvalid;
  frames_.push_back({elements, kind});
  return RespResult::kNeedMore;
}

RespResult RespReader::close(Kind kind) {
  if (top() || frames_.back().kind != kind) return RespResult::kInvalid;
  frames_.pop_back();
  return RespResult::kValue;
}

void RespReader::note(std::string_view text) {
  if (top()) {
    value_.text = text;
  } else if (awaits_first_ && frames_.size() == 1 && text.size() <= first_.size()) {
    std::copy(text.begin(), text.end(), first_.begin());
    value_.first = {first_.data(), text.size()};
  }
}

// Counts an element off what it belongs to. True when nothing is left open.
bool RespReader::element_done() {
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    if (frames_.size() == 1 && frame.kind != Kind::kAttribute) awaits_first_ = false;
    if (frame.kind == Kind::kStreamed || --frame.remaining > 0) return false;
    const bool attribute = frame.kind == Kind::kAttribute;
    frames_.pop_back();
    if (attribute) return false;  // what it describes follows
  }
  return true;
}

RespResult RespReader::item_done(std::uint64_t end) {
  if (!element_done()) return RespResult::kNeedMore;
  value_.end = end;
  begun_ = false;
  return RespResult::kValue;
}

void RespReader::clear() {
  frames_.clear();
  rest_.clear();
  value_ = {};
  begun_ = large_ = passed_ = told_ = awaits_first_ = false;
}

}  // namespace weir
