#include "protocol/postgresql_frames.h"

#include <algorithm>
#include <cstring>

#include "protocol/sql_text.h"

namespace weir {
namespace {

constexpr std::uint32_t kLong = 0x3fffffff;  // the most that a server takes or sends
constexpr std::uint32_t kShort = 30000;
constexpr std::uint32_t kMostColumns = 1664;

struct Lengths {
  std::uint32_t least = 1, most = 0;  // of the length field, which counts itself; none: no type
};

constexpr Lengths lengths_from_client(char type) {
  switch (type) {
    case 'Q':
      return {5, kLong};
    case 'P':
      return {8, kLong};
    case 'B':
      return {12, kLong};
    case 'F':
      return {14, kLong};
    case 'd':
      return {4, kLong};
    case 'p':
      return {4, 65535};
    case 'f':
      return {5, kShort};
    case 'E':
      return {9, kShort};
    case 'D':
    case 'C':
      return {6, kShort};
    case 'S':
    case 'H':
    case 'X':
    case 'c':
      return {4, 4};
    default:
      return {};
  }
}

constexpr Lengths lengths_from_server(char type) {
  switch (type) {
    case 'T':
    case 'D':
    case 't':
      return {6, kLong};
    case 'd':
      return {4, kLong};
    case 'E':
    case 'N':
      return {5, kLong};
    case 'V':
      return {8, kLong};
    case 'A':
      return {10, kLong};
    case 'C':
      return {6, kShort};
    case 'R':
      return {8, kShort};
    case 'S':
      return {6, kShort};
    case 'v':
      return {12, kShort};
    case 'G':
    case 'H':
    case 'W':
      return {7, kShort};
    case 'K':
      return {12, 268};
    case 'Z':
      return {5, 5};
    case '1':
    case '2':
    case '3':
    case 'n':
    case 's':
    case 'I':
    case 'c':
      return {4, 4};
    default:
      return {};
  }
}

// Types in an array, so that reading a head is two look-ups.
struct LengthTable {
  Lengths of[2][128];
};
constexpr LengthTable make_table() {
  LengthTable table;
  for (int type = 0; type < 128; ++type) {
    table.of[0][type] = lengths_from_client(static_cast<char>(type));
    table.of[1][type] = lengths_from_server(static_cast<char>(type));
  }
  return table;
}
constexpr LengthTable kLengths = make_table();

bool is_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return byte == 0x7f || (byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r');
  });
}

// Reads a body of which the end may be missing. Each member is false when what is there does not
// fit; what is not there fits.
class Check {
 public:
  Check(Bytes there, std::uint64_t size)
      : there_(there.first(static_cast<std::size_t>(std::min<std::uint64_t>(there.size(), size)))),
        size_(size) {}

  bool whole() const { return there_.size() == size_; }
  bool at_end() const { return at_ == size_; }
  bool cut() const { return at_ >= there_.size() && !whole(); }
  std::string_view last_text() const { return text_; }

  bool text() {
    if (cut()) return true;
    const std::string_view rest = as_text(there_).substr(static_cast<std::size_t>(at_));
    const std::size_t end = rest.find('\0');
    text_ = rest.substr(0, end);
    if (end == std::string_view::npos) {
      at_ = size_;
      return !whole() && is_text(text_);
    }
    at_ += end + 1;
    return is_text(text_);
  }
  bool number(std::size_t width, std::uint64_t& out) {
    out = 0;
    if (cut()) return true;
    if (at_ + width > size_) return false;
    if (at_ + width > there_.size()) {
      at_ = size_;
      return true;
    }
    for (std::size_t i = 0; i < width; ++i)
      out = (out << 8) | there_[static_cast<std::size_t>(at_) + i];
    at_ += width;
    return true;
  }
  bool skip(std::uint64_t count) {
    if (cut()) return true;
    at_ += count;
    return at_ <= size_;
  }
  // A count of values, each with its length or -1.
  bool values(std::uint64_t& count) {
    if (!number(2, count) || count > 65535) return false;
    for (std::uint64_t i = 0; i < count && !cut(); ++i) {
      std::uint64_t length = 0;
      if (!number(4, length)) return false;
      if (length != 0xffffffff && !cut() && !skip(length)) return false;
    }
    return true;
  }
  // A count of formats, each 0 or 1.
  bool formats() {
    std::uint64_t count = 0, format = 0;
    if (!number(2, count)) return false;
    for (std::uint64_t i = 0; i < count && !cut(); ++i) {
      if (!number(2, format) || format > 1) return false;
    }
    return true;
  }

 private:
  Bytes there_;
  std::uint64_t size_, at_ = 0;
  std::string_view text_;
};

bool begins_statement(std::string_view text) {
  std::array<char, 64> room;
  return !read_sql(text.substr(0, 256), kPostgresSql, false, room).operation.text().empty();
}

PostgresFit fit(bool fits, const Check& check) {
  if (!fits || (check.whole() && !check.at_end())) return PostgresFit::kNo;
  return check.whole() ? PostgresFit::kWhole : PostgresFit::kPartly;
}
PostgresFit sure_if(bool sure, PostgresFit fit) {
  return sure && fit != PostgresFit::kNo ? PostgresFit::kSure : fit;
}

PostgresFit check_client(char type, Check check) {
  std::uint64_t number = 0;
  switch (type) {
    case 'Q': {
      const bool fits = check.text();
      return sure_if(begins_statement(check.last_text()), fit(fits, check));
    }
    case 'P': {
      if (!check.text() || !check.text()) return PostgresFit::kNo;
      const bool sure = begins_statement(check.last_text());
      return sure_if(sure, fit(check.number(2, number) && check.skip(4 * number), check));
    }
    case 'B':
      return fit(check.text() && check.text() && check.formats() && check.values(number) &&
                     check.formats(),
                 check);
    case 'E':
      return fit(check.text() && check.number(4, number), check);
    case 'D':
    case 'C':
      if (!check.number(1, number) || (number != 'S' && number != 'P')) return PostgresFit::kNo;
      return fit(check.text(), check);
    case 'f':
      return fit(check.text(), check);
    case 'S':
    case 'H':
    case 'X':
    case 'c':
      return PostgresFit::kWhole;
    default:  // d, p, F hold anything
      return check.whole() ? PostgresFit::kWhole : PostgresFit::kPartly;
  }
}

PostgresFit check_report(Check check) {
  std::uint64_t field = 0;
  bool severity = false, code = false;
  for (;;) {
    if (!check.number(1, field)) return PostgresFit::kNo;
    if (check.cut()) break;
    if (field == 0) break;
    if (field < 'A' || field > 'z' || !check.text()) return PostgresFit::kNo;
    severity = severity || field == 'S';
    code = code || (field == 'C' && check.last_text().size() == 5);
  }
  return sure_if(severity && code, fit(true, check));
}

PostgresFit check_authentication(Check check, std::uint64_t size) {
  std::uint64_t kind = 0;
  if (!check.number(4, kind)) return PostgresFit::kNo;
  if (check.cut()) return PostgresFit::kPartly;
  switch (kind) {
    case 0:
    case 2:
    case 3:
    case 6:
    case 7:
    case 9:
      return size == 4 ? PostgresFit::kSure : PostgresFit::kNo;
    case 5:
      return size == 8 ? PostgresFit::kSure : PostgresFit::kNo;
    case 10: {
      const bool fits = check.text();
      return sure_if(fits && check.last_text().starts_with("SCRAM-"),
                     check.whole() ? PostgresFit::kWhole : PostgresFit::kPartly);
    }
    default:
      if (kind > 12) return PostgresFit::kNo;
      return check.whole() ? PostgresFit::kWhole : PostgresFit::kPartly;
  }
}

PostgresFit check_server(char type, Check check, std::uint64_t size) {
  std::uint64_t number = 0;
  switch (type) {
    case 'T': {
      if (!check.number(2, number) || number > kMostColumns) return PostgresFit::kNo;
      for (std::uint64_t i = 0; i < number && !check.cut(); ++i) {
        if (!check.text() || !check.skip(18)) return PostgresFit::kNo;
      }
      return sure_if(check.whole() && number > 0, fit(true, check));
    }
    case 'D':
      return fit(check.values(number) && number <= kMostColumns, check);
    case 't':
      return fit(check.number(2, number) && check.skip(4 * number), check);
    case 'C': {
      const bool fits = check.text();
      const bool sure = check.whole() && begins_statement(check.last_text());
      return sure_if(sure, fit(fits, check));
    }
    case 'E':
    case 'N':
      return check_report(check);
    case 'S':
      return fit(check.text() && check.text(), check);
    case 'A':
      return fit(check.number(4, number) && check.text() && check.text(), check);
    case 'R':
      return check_authentication(check, size);
    case 'G':
    case 'H':
    case 'W':
      if (!check.number(1, number) || number > 1) return PostgresFit::kNo;
      return fit(check.formats(), check);
    case 'Z':
      if (!check.number(1, number)) return PostgresFit::kNo;
      if (check.whole() && number != 'I' && number != 'T' && number != 'E') return PostgresFit::kNo;
      return fit(true, check);
    default:
      return check.whole() ? PostgresFit::kWhole : PostgresFit::kPartly;
  }
}

}  // namespace

bool read_postgres_head(Bytes bytes, Direction direction, PostgresFrame& frame) {
  if (bytes[0] > 127) return false;
  const Lengths& lengths = kLengths.of[direction == Direction::kToServer ? 0 : 1][bytes[0]];
  const std::uint32_t length = load_be32(bytes.data() + 1);
  if (length < lengths.least || length > lengths.most) return false;
  frame.type = static_cast<char>(bytes[0]);
  frame.size = std::uint64_t{length} + 1;
  return true;
}

PostgresFit check_postgres_frame(Bytes bytes, Direction direction) {
  if (bytes.size() < kPostgresHead) {
    // The largest and the smallest length that begin like this.
    std::uint8_t least[kPostgresHead] = {}, most[kPostgresHead] = {0, 255, 255, 255, 255};
    std::memcpy(least, bytes.data(), bytes.size());
    std::memcpy(most, bytes.data(), bytes.size());
    if (bytes[0] > 127) return PostgresFit::kNo;
    const Lengths& lengths = kLengths.of[direction == Direction::kToServer ? 0 : 1][bytes[0]];
    const bool fits = load_be32(least + 1) <= lengths.most && load_be32(most + 1) >= lengths.least;
    return fits && lengths.least <= lengths.most ? PostgresFit::kPartly : PostgresFit::kNo;
  }
  PostgresFrame frame;
  if (!read_postgres_head(bytes, direction, frame)) return PostgresFit::kNo;
  const std::uint64_t size = frame.size - kPostgresHead;
  const Check check(bytes.subspan(kPostgresHead), size);
  return direction == Direction::kToServer ? check_client(frame.type, check)
                                           : check_server(frame.type, check, size);
}

PostgresFit check_postgres_startup(Bytes bytes) {
  std::uint8_t head[8] = {};
  std::memcpy(head, bytes.data(), std::min<std::size_t>(bytes.size(), 8));
  const std::uint32_t length = load_be32(head), code = load_be32(head + 4);
  if (head[0] != 0 || head[1] != 0 || (bytes.size() >= 3 && length > kPostgresMostStartup)) {
    return PostgresFit::kNo;
  }
  if (bytes.size() < 4) return PostgresFit::kPartly;
  if (length < 8 || length > kPostgresMostStartup) return PostgresFit::kNo;
  if (bytes.size() < 8) {
    const bool fits = bytes.size() == 4 || head[4] == 0 || head[4] == (kPostgresSsl >> 24);
    return fits ? PostgresFit::kPartly : PostgresFit::kNo;
  }
  if (code == kPostgresSsl || code == kPostgresGss) {
    return length == 8 ? PostgresFit::kSure : PostgresFit::kNo;
  }
  if (code == kPostgresCancel)
    return length >= 16 && length <= 272 ? PostgresFit::kSure : PostgresFit::kNo;
  if (code >> 16 != kPostgresProtocol3) return PostgresFit::kNo;
  Check check(bytes.subspan(8), length - 8);
  while (!check.at_end() && !check.cut()) {
    if (!check.text()) return PostgresFit::kNo;
    if (check.last_text().empty() && check.at_end()) break;
  }
  return check.whole() ? PostgresFit::kSure : PostgresFit::kPartly;
}

std::string_view take_postgres_text(Reader& reader) {
  const std::string_view rest = as_text(reader.rest());
  const std::size_t end = rest.find('\0');
  reader.skip(end == std::string_view::npos ? rest.size() + 1 : end + 1);
  return rest.substr(0, end);
}

PostgresReport read_postgres_report(Bytes body) {
  PostgresReport report;
  Reader reader(body);
  while (reader.ok() && reader.remaining() > 0) {
    const std::uint8_t field = reader.u8();
    if (field == 0) break;
    const std::string_view text = take_postgres_text(reader);
    switch (field) {
      case 'S':
        if (report.severity.empty()) report.severity = text;
        break;
      case 'V':  // the same in English, whatever the server's language
        report.severity = text;
        break;
      case 'C':
        report.code = text;
        break;
      case 'M':
        report.message = text;
        break;
      default:
        break;
    }
  }
  return report;
}

}  // namespace weir
