#include "protocol/mysql_match.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "protocol/mysql_commands.h"
#include "protocol/mysql_compression.h"
#include "protocol/mysql_wire.h"

namespace weir {
namespace {

constexpr std::uint32_t kLongestGreeting = 512, kLongestLogin = 65536, kLongestError = 1024;
constexpr std::uint32_t kLongestAnswerHead = 4096, kLongestGuess = 64 << 20;
constexpr std::size_t kLoginFixed = 32;
constexpr std::string_view kDefinition =
    "\x03"
    "def";  // how the definition of a column begins

constexpr std::string_view kWords[] = {
    "ALTER",   "ANALYZE", "BEGIN",    "CALL",  "CHANGE", "CHECK",    "COMMIT",    "CREATE",
    "DELETE",  "DESC",    "DESCRIBE", "DO",    "DROP",   "EXECUTE",  "EXPLAIN",   "FLUSH",
    "GRANT",   "HANDLER", "INSERT",   "KILL",  "LOAD",   "LOCK",     "OPTIMIZE",  "PREPARE",
    "RELEASE", "RENAME",  "REPLACE",  "RESET", "REVOKE", "ROLLBACK", "SAVEPOINT", "SELECT",
    "SET",     "SHOW",    "START",    "STOP",  "TABLE",  "TRUNCATE", "UNLOCK",    "UPDATE",
    "USE",     "VALUES",  "WITH",     "XA"};

bool is_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= ' ' || u == '\t' || u == '\n' || u == '\r';
  });
}

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
bool is_letter(char c) { return upper(c) >= 'A' && upper(c) <= 'Z'; }

// The first word of a statement, of which maybe only the beginning is here.
Match match_sql(std::string_view sql, bool whole) {
  const std::size_t begin = sql.find_first_not_of(" \t\r\n(");
  if (begin == std::string_view::npos) return whole ? Match::kNo : Match::kNeedMore;
  const std::string_view rest = sql.substr(begin);
  if (rest[0] == '/' || rest[0] == '-' || rest[0] == '#') {  // a comment
    if (rest.size() == 1) return whole ? Match::kNo : Match::kNeedMore;
    return is_text(rest.substr(0, 64)) ? Match::kMaybe : Match::kNo;
  }
  std::size_t size = 0;
  std::array<char, 12> word{};
  while (size < rest.size() && size < word.size() && is_letter(rest[size])) {
    word[size] = upper(rest[size]);
    ++size;
  }
  const std::string_view found(word.data(), size);
  const bool ended = whole || size < rest.size();
  for (const std::string_view known : kWords) {
    if (known == found && ended) return Match::kYes;
    if (!ended && known.starts_with(found)) return Match::kNeedMore;
  }
  return size > 1 && is_text(rest.substr(0, 64)) ? Match::kMaybe : Match::kNo;
}

// Commands that no client sends any more.
bool is_obsolete(std::uint8_t code) {
  return code == 0x00 || code == 0x0b || code == 0x0f || code == 0x10 || code == 0x13 ||
         code == 0x14 || code == 0x1d;
}

struct Head {
  std::uint32_t length = 0;
  std::uint8_t sequence = 0;
  Bytes payload;  // of it what is here
  bool whole = false;
  Bytes behind;
};

Head read_head(Bytes bytes) {
  Head head{load_le24(bytes.data()), bytes[3], bytes.subspan(kMysqlHeader), false, {}};
  if (head.payload.size() < head.length) return head;
  head.whole = true;
  head.behind = head.payload.subspan(head.length);
  head.payload = head.payload.first(head.length);
  return head;
}

// The first bytes of a header: its length may not be 0, nor unlikely.
Match match_part(Bytes bytes, std::uint8_t lowest, std::uint8_t highest) {
  if (bytes.size() >= 3 &&
      (load_le24(bytes.data()) == 0 || load_le24(bytes.data()) > kLongestGuess)) {
    return Match::kNo;
  }
  if (bytes.size() >= 4 && (bytes[3] < lowest || bytes[3] > highest)) return Match::kNo;
  return Match::kNeedMore;
}

Match match_login(const Head& head) {
  if (head.length < kLoginFixed || head.length > kLongestLogin) return Match::kNo;
  const Bytes payload = head.payload;
  if (payload.size() >= 2 && (load_le16(payload.data()) & kMysqlProtocol41) == 0) {
    return Match::kNo;
  }
  const std::size_t here = std::min<std::size_t>(payload.size(), kLoginFixed - 4);
  for (std::size_t i = 9; i < here; ++i) {
    if (payload[i] != 0) return Match::kNo;
  }
  return payload.size() < kLoginFixed ? Match::kNeedMore : Match::kYes;
}

Match match_command(Bytes bytes) {
  const Match part = match_part(bytes, 0, 1);
  if (part == Match::kNo || bytes.size() <= kMysqlHeader) return part;
  const Head head = read_head(bytes);
  if (head.sequence == 1) return match_login(head);
  const MysqlCommand* command = find_mysql_command(head.payload[0]);
  if (!command || is_obsolete(command->code) || !fits(*command, head.length)) return Match::kNo;
  if (!head.behind.empty() && match_part(head.behind, 0, 0) == Match::kNo) return Match::kNo;
  if (command->code == kComQuery || command->code == kComPrepare) {
    Bytes text = head.payload.subspan(1);
    if (!text.empty() && text[0] == 0) {  // no attributes, in one set
      if (text.size() >= 2 && text[1] != 1) return Match::kNo;
      text = text.subspan(std::min<std::size_t>(text.size(), 2));
    }
    return match_sql(as_text(text), head.whole);
  }
  if (command->code == kComExecute) {
    if (head.payload.size() < 10) return Match::kNeedMore;
    return load_le32(head.payload.data() + 6) == 1 ? Match::kMaybe : Match::kNo;
  }
  if (command->code == kComInitDb && !is_text(as_text(head.payload.subspan(1)))) return Match::kNo;
  return head.whole ? Match::kMaybe : Match::kNeedMore;
}

Match match_greeting(const Head& head) {
  if (head.length < 30 || head.length > kLongestGreeting) return Match::kNo;
  const std::string_view text = as_text(head.payload);
  if (text[0] != 10) return Match::kNo;
  const std::size_t end = text.find('\0');
  const std::string_view version = text.substr(1, end == std::string_view::npos ? end : end - 1);
  if (!is_text(version) || version.size() > 128) return Match::kNo;
  if (!version.empty() && (version[0] < '0' || version[0] > '9')) return Match::kNo;
  if (end == std::string_view::npos || text.size() < end + 14) return Match::kNeedMore;
  return text[end + 13] == 0 ? Match::kYes : Match::kNo;
}

Match match_error(const Head& head) {
  if (head.length < 4 || head.length > kLongestError) return Match::kNo;
  if (!head.whole) return Match::kNeedMore;
  MysqlError error;
  if (!read_mysql_error(head.payload, error)) return Match::kNo;
  if (error.code == 0xffff) return Match::kMaybe;
  if (error.code < 1000 || error.code > 9999 || !is_text(error.message)) return Match::kNo;
  return error.state.empty() || !head.behind.empty() ? Match::kMaybe : Match::kYes;
}

// A number of columns, and the definition of the first.
Match match_result(const Head& head) {
  if (!head.whole) return Match::kNeedMore;
  MysqlReader in(head.payload);
  if (in.number() == 0 || !in.ok() || in.remaining() > 1) return Match::kNo;
  // MariaDB, to a client that has the definitions: rows follow.
  if (in.remaining() == 1 && in.u8() == 0) {
    return match_mysql_chain(head.behind, static_cast<std::uint8_t>(head.sequence + 1)) ==
                   Match::kNo
               ? Match::kNo
               : Match::kMaybe;
  }
  const Bytes next = head.behind;
  if (next.size() >= 4 && next[3] != static_cast<std::uint8_t>(head.sequence + 1)) {
    return Match::kNo;
  }
  if (next.size() <= kMysqlHeader) return Match::kNeedMore;
  const std::string_view body = as_text(next.subspan(kMysqlHeader)).substr(0, 4);
  if (body.size() < 4) return kDefinition.starts_with(body) ? Match::kNeedMore : Match::kNo;
  return body == kDefinition ? Match::kYes : Match::kNo;
}

Match match_answer(Bytes bytes) {
  const Match part = match_part(bytes, 0, 5);
  if (part == Match::kNo || bytes.size() <= kMysqlHeader) return part;
  const Head head = read_head(bytes);
  if (head.length > kLongestAnswerHead) return Match::kNo;
  const std::uint8_t mark = head.payload[0];
  if (mark == 0xff) return match_error(head);
  if (head.sequence == 0) return match_greeting(head);
  MysqlOk ok;
  switch (mark) {
    case 0x00: {
      if (head.length < 7) return Match::kNo;
      if (!head.whole) return Match::kNeedMore;
      return read_mysql_ok(head.payload, 0, ok) ? Match::kMaybe : Match::kNo;
    }
    case 0xfe:
      if (head.length > 5 && head.length < 7) return Match::kNo;
      return head.whole ? Match::kMaybe : Match::kNeedMore;
    case 0xfb:
      if (!is_text(as_text(head.payload.subspan(1)))) return Match::kNo;
      return head.whole ? Match::kMaybe : Match::kNeedMore;
    default:
      return head.length <= 10 ? match_result(head) : Match::kNo;
  }
}

}  // namespace

Match match_mysql_chain(Bytes bytes, std::uint8_t first) {
  std::uint8_t sequence = first;
  std::size_t count = 0;
  while (bytes.size() >= kMysqlHeader) {
    const std::uint32_t length = load_le24(bytes.data());
    if (count > 0 && bytes[3] == first) return Match::kYes;  // the next answer
    if (bytes[3] != sequence || length == 0) return Match::kNo;
    ++sequence;
    if (++count == 8) return Match::kYes;
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), kMysqlHeader + length));
  }
  if (count == 0 && bytes.size() == 3 && load_le24(bytes.data()) == 0) return Match::kNo;
  return count == 0 ? Match::kNeedMore : count > 1 ? Match::kYes : Match::kMaybe;
}

Match match_mysql_plain(Bytes head, Direction direction) {
  if (head.empty()) return Match::kNeedMore;
  return direction == Direction::kToServer ? match_command(head) : match_answer(head);
}

Match match_mysql_compressed(Bytes head, Direction direction) {
  const bool client = direction == Direction::kToServer;
  const Match part = match_part(head, client ? 0 : 1, client ? 0 : 5);
  if (part == Match::kNo || head.size() <= kMysqlCompressedHeader) return part;
  const std::uint32_t length = load_le24(head.data()), unpacked = load_le24(head.data() + 4);
  const Bytes payload = head.subspan(kMysqlCompressedHeader);
  if (unpacked != 0) {
    if (unpacked < length / 2 || length < 8) return Match::kNo;
    if (payload.size() < 2) return Match::kNeedMore;
    return MysqlInflater::begins(payload) ? Match::kMaybe : Match::kNo;
  }
  if (payload.size() >= 3) {
    const std::uint32_t inner = load_le24(payload.data());
    if (client ? inner + kMysqlHeader < length : inner + kMysqlHeader > length) return Match::kNo;
  }
  return match_mysql_plain(payload.first(std::min<std::size_t>(payload.size(), length)), direction);
}

Match match_mysql(Bytes head, Direction direction) {
  const Match plain = match_mysql_plain(head, direction);
  if (plain == Match::kYes || plain == Match::kMaybe) return plain;
  const Match compressed = match_mysql_compressed(head, direction);
  return compressed == Match::kNo ? plain : compressed;
}

}  // namespace weir
