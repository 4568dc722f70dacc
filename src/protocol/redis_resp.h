// RespReader: one direction's RESP values, read as their bytes come. Each byte is looked at once,
// however a value is cut up; of nested values only the counts are kept, of strings nothing. The
// caller keeps the bytes of an unfinished value that holds() until kLarge, so that whatever is
// shown begins in bytes that are there.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace weir {

inline constexpr std::size_t kRespWhole = 1024;   // longer strings are passed over, not held
inline constexpr std::size_t kRespLarge = 16384;  // longer messages are shown before their end
inline constexpr std::size_t kRespNumber = 32;    // longest line that says a size
inline constexpr std::uint64_t kRespMaxString = std::uint64_t{1} << 32;
inline constexpr std::uint64_t kRespMaxCount = std::uint64_t{1} << 32;

enum class RespResult : std::uint8_t {
  kNeedMore,
  kInvalid,
  kSkip,   // bytes beyond those given are not needed
  kLarge,  // the value goes on beyond kRespLarge or into a string that is not held: its mark is
           // known
  kValue,  // a value is complete, or of a long string the end is known
};

// Whether a line ends in the bytes from `at`: its text without CR LF. `searched` is an offset in
// the stream before which no CR is; the caller keeps it from call to call.
RespResult find_resp_line(Bytes bytes, std::size_t at, std::uint64_t offset, std::size_t longest,
                          std::uint64_t& searched, std::string_view& line);

// The line of a size or count that begins at `at`: a decimal number of at most 18 digits, '-'
// before it or not. kValue moves `at` behind the line. Less than a line is looked at again.
RespResult read_any_resp_size(Bytes bytes, std::size_t& at, std::int64_t& number);

inline RespResult read_resp_size(Bytes bytes, std::size_t& at, std::int64_t& number) {
  if (bytes.size() - at < 4) return read_any_resp_size(bytes, at, number);
  const std::uint8_t* p = bytes.data() + at;
  const unsigned first = p[0] - unsigned{'0'}, second = p[1] - unsigned{'0'};
  if (first <= 9 && p[1] == '\r' && p[2] == '\n') {
    number = first;
    at += 3;
    return RespResult::kValue;
  }
  if (first <= 9 && second <= 9 && p[2] == '\r' && p[3] == '\n') {
    number = 10 * first + second;
    at += 4;
    return RespResult::kValue;
  }
  return read_any_resp_size(bytes, at, number);
}

// A decimal number with optional '-', not below -1 unless `any_negative`. False: none.
bool read_resp_number(std::string_view text, std::int64_t& number);

// Whether `mark` begins a value, and `line`, what follows it up to CR LF, may follow.
bool is_resp_line(char mark, std::string_view line);

// What is left of a string that is not held: its bytes, then CR LF.
class RespRemainder {
 public:
  // `shown`: it ends a message that was shown with its end; then all of it is passed over unseen.
  void begin(std::uint64_t size, bool shown) {
    left_ = shown ? size + kEnd : size;
    end_ = !shown;
    pending_ = true;
  }
  bool pending() const { return pending_; }
  void clear() { left_ = 0, pending_ = end_ = false; }
  // kValue: it is over.
  RespResult pass(Bytes bytes, std::size_t& at, std::uint64_t& skip);

 private:
  static constexpr std::size_t kEnd = 2;

  std::uint64_t left_ = 0;
  bool pending_ = false;
  bool end_ = false;  // CR LF has to follow
};

class RespReader {
 public:
  struct Value {
    char mark = 0;      // its first byte; attributes before it are part of the value
    bool null = false;  // $-1, *-1
    std::uint64_t begin = 0, end = 0;
    std::int64_t count = 0;  // of an aggregate: as its header says
    std::string_view text;   // of a simple value or a blob error; valid during the call
    std::string_view first;  // first element of an aggregate, where it is a short text
  };

  explicit RespReader(std::size_t longest_line) : longest_line_(longest_line) {}

  // Reads on at `at`, and moves it. `offset` is the place of bytes[0] in the stream.
  RespResult read(Bytes bytes, std::size_t& at, std::uint64_t offset, std::uint64_t& skip);
  // As far as it is known; with kLarge without its end.
  const Value& value() const { return value_; }
  // Whether the bytes from value().begin on are still wanted.
  bool holds() const { return begun_ && !large_ && !passed_; }
  // Whether elements of an aggregate are to come.
  bool nested() const { return !frames_.empty(); }
  void clear();

 private:
  static constexpr std::size_t kMaxDepth = 64;

  enum class Kind : std::uint8_t { kCounted, kAttribute, kStreamed, kChunks };
  struct Frame {
    std::uint64_t remaining;  // elements, of kCounted and kAttribute
    Kind kind;
  };

  RespResult read_item(Bytes bytes, std::size_t& at, std::uint64_t offset);
  // `data`: where its bytes begin, behind the line that says how many.
  RespResult read_string(Bytes bytes, std::size_t& at, std::uint64_t offset, char mark,
                         std::int64_t number, std::size_t data);
  RespResult read_aggregate(char mark, std::string_view line);
  RespResult open(Kind kind, std::uint64_t elements);
  RespResult close(Kind kind);
  void note(std::string_view text);
  bool show_early();
  bool element_done();
  RespResult item_done(std::uint64_t end);
  bool top() const { return frames_.empty(); }

  std::size_t longest_line_;
  std::vector<Frame> frames_;
  Value value_;
  RespRemainder rest_;
  std::uint64_t searched_ = 0;
  std::array<char, 16> first_{};
  bool begun_ = false;
  bool large_ = false;         // kLarge was said
  bool passed_ = false;        // bytes were passed over before the value's mark was known
  bool told_ = false;          // kValue was said before the string's bytes came
  bool awaits_first_ = false;  // of the outermost aggregate
};

// "bulk", "null", "error", ...
std::string_view resp_type_name(const RespReader::Value& value);

}  // namespace weir
