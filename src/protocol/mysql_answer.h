// MysqlAnswerReader: the packets of one answer, from its first to the one that ends it. It asks for
// as many bytes of each packet as it has to see; rows are counted and not looked into.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "protocol/mysql_commands.h"
#include "protocol/mysql_wire.h"

namespace weir {

// What both ends have agreed on, as far as it was seen.
struct MysqlTerms {
  enum class Eof : std::uint8_t { kUnknown, kSent, kDeprecated };

  std::uint32_t capabilities = 0, mariadb = 0;
  Eof eof = Eof::kUnknown;  // whether definitions of columns end with an EOF
  bool known = false;
};

class MysqlAnswerReader {
 public:
  enum class Result : std::uint8_t { kGoesOn, kEnded, kWantsFile };

  void begin(MysqlAnswer answer, MysqlTerms& terms);
  // Bytes of a packet's beginning that on_packet() has to see; `mark` is its first.
  std::size_t wanted(std::uint8_t mark, std::uint32_t length) const;
  // A row, of which nothing more is wanted.
  bool is_row(std::uint8_t mark, std::uint32_t length) const {
    return state_ == State::kRows && (mark < 0xfe || length >= kMysqlFull);
  }
  void on_row() { ++rows_; }
  Result on_packet(Bytes payload, std::uint32_t length);

  bool failed() const { return error_code_ != 0; }
  std::uint16_t error_code() const { return error_code_; }
  std::string_view error_state() const { return {error_state_.data(), error_state_size_}; }
  std::string_view error_message() const { return {error_message_.data(), error_message_size_}; }
  std::uint64_t rows() const { return rows_; }
  std::uint64_t result_sets() const { return result_sets_; }
  std::uint64_t oks() const { return oks_; }  // results without rows
  std::uint64_t affected() const { return affected_; }
  std::uint64_t events() const { return events_; }
  const MysqlOk& ok() const { return ok_; }                  // the last one
  const std::string& database() const { return database_; }  // that the server has changed to
  bool has_ok() const { return has_ok_; }
  std::uint32_t statement() const { return statement_; }  // of a PREPARE that succeeded
  bool prepared() const { return prepared_; }

 private:
  enum class State : std::uint8_t {
    kHead,
    kColumns,       // columns_ definitions follow
    kAfterColumns,  // maybe an EOF
    kRows,
    kParameters,  // likewise, of a prepared statement
    kAfterParameters,
    kPreparedColumns,
    kAfterPrepared,
    kList,  // definitions without a count
    kStream,
    kLogin,
  };

  Result on_head(Bytes payload, std::uint32_t length);
  Result on_result_head(Bytes payload, std::uint32_t length);
  Result on_prepared(Bytes payload);
  Result on_definitions_end(Bytes payload, std::uint32_t length);
  Result on_status(Bytes payload);
  Result on_error(Bytes payload);
  Result next_of_prepared();
  Result end_result();

  MysqlTerms* terms_ = nullptr;
  MysqlAnswer answer_ = MysqlAnswer::kUnknown;
  State state_ = State::kHead;
  std::uint64_t columns_ = 0, parameters_ = 0;
  std::uint64_t rows_ = 0, result_sets_ = 0, oks_ = 0, affected_ = 0, events_ = 0;
  MysqlOk ok_;  // but for its database
  std::string database_;
  std::uint32_t statement_ = 0;
  std::uint16_t error_code_ = 0;
  std::size_t error_state_size_ = 0, error_message_size_ = 0;
  bool has_ok_ = false, prepared_ = false;
  std::array<char, 5> error_state_;
  std::array<char, 512> error_message_;
};

}  // namespace weir
