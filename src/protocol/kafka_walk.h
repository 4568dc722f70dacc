// KafkaWalk: goes through one body by its rows, piece by piece, and hands what is of interest to a
// report. What is long is passed over: it need not be there.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "protocol/kafka_report.h"
#include "protocol/kafka_schema.h"

namespace weir {

class KafkaWalk {
 public:
  enum class End : std::uint8_t {
    kDone,       // all rows have been read
    kMore,       // what comes next is not there yet
    kSkip,       // all that is there has been used; `skip` bytes that follow it are not needed
    kMalformed,  // this is no such body
  };
  struct Result {
    End end;
    std::size_t consumed = 0;
    std::uint64_t skip = 0;
    std::size_t passed = 0;  // with kSkip: bytes at the end of what was consumed that need not have
                             // been there
  };

  // Of a response: an API that the server does not know in this version is refused in another one.
  void begin(std::span<const KafkaRow> rows, std::int16_t version, bool flexible,
             bool may_fall_back);
  // `bytes` are what comes next of a body that goes on for `left` bytes.
  Result advance(Bytes bytes, std::uint64_t left, KafkaReport& report);

 private:
  static constexpr std::size_t kMostLevels = 5;

  enum class Step : std::uint8_t { kOk, kDone, kMore, kMalformed };
  struct Level {
    std::size_t row = 0, begin = 0, end = 0;
    std::uint64_t left = 1;  // elements
    bool structure = true;
  };
  struct Cursor;

  Step step(Cursor& cursor, KafkaReport& report);
  Step read_value(const KafkaRow& row, Cursor& cursor, KafkaReport& report);
  Step read_text(const KafkaRow& row, Cursor& cursor, KafkaReport& report);
  Step enter(const KafkaRow& row, Cursor& cursor);
  Step end_structure(Cursor& cursor);
  Step read_tag(Cursor& cursor);
  Step read_batch(Cursor& cursor, KafkaReport& report);
  Step close_element();
  Level& level() { return levels_[depth_]; }

  std::span<const KafkaRow> rows_;
  int version_ = 0;
  bool flexible_ = false, may_fall_back_ = false;
  bool over_ = false;  // nothing more is to be read
  std::array<Level, kMostLevels> levels_;
  std::size_t depth_ = 0;
  std::uint64_t tags_ = 0;     // of the structure that ends, still to come
  std::uint64_t records_ = 0;  // bytes of the partition's batches, still to come
};

}  // namespace weir
