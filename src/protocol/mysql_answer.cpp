#include "protocol/mysql_answer.h"

#include <algorithm>

namespace weir {
namespace {

constexpr std::uint8_t kOkMark = 0x00, kFileMark = 0xfb, kEofMark = 0xfe, kErrorMark = 0xff;
constexpr std::uint32_t kEofLength = 5;  // an OK in its place is longer
constexpr std::uint32_t kPreparedLength = 12;
constexpr std::uint32_t kLongestCount = 10;  // of columns, with a flag
constexpr std::uint64_t kMaxColumns = 65535;
constexpr std::uint16_t kProgress = 0xffff;  // no error but a report of progress (MariaDB)
constexpr std::size_t kStatusBytes = 1024;

bool is_eof(Bytes payload, std::uint32_t length) {
  return length <= kEofLength && payload[0] == kEofMark;
}

}  // namespace

void MysqlAnswerReader::begin(MysqlAnswer answer, MysqlTerms& terms) {
  terms_ = &terms;
  answer_ = answer;
  state_ = answer == MysqlAnswer::kRows      ? State::kRows
           : answer == MysqlAnswer::kColumns ? State::kList
           : answer == MysqlAnswer::kStream  ? State::kStream
           : answer == MysqlAnswer::kLogin   ? State::kLogin
                                             : State::kHead;
  columns_ = parameters_ = rows_ = result_sets_ = oks_ = affected_ = events_ = 0;
  ok_ = {};
  database_.clear();
  statement_ = 0;
  error_code_ = 0;
  error_state_size_ = error_message_size_ = 0;
  has_ok_ = prepared_ = false;
}

std::size_t MysqlAnswerReader::wanted(std::uint8_t mark, std::uint32_t length) const {
  const bool definition = state_ == State::kColumns || state_ == State::kParameters ||
                          state_ == State::kPreparedColumns || state_ == State::kStream;
  const bool ends = mark == kErrorMark || (mark == kEofMark && state_ != State::kLogin);
  const bool opens = state_ == State::kHead || (state_ == State::kLogin && mark == kOkMark);
  if (!ends && (definition || !opens)) return 1;
  return std::min<std::size_t>(length, kStatusBytes);
}

MysqlAnswerReader::Result MysqlAnswerReader::on_packet(Bytes payload, std::uint32_t length) {
  if (payload.empty()) return Result::kGoesOn;
  if (payload[0] == kErrorMark) return on_error(payload);
  switch (state_) {
    case State::kHead:
      return on_head(payload, length);
    case State::kColumns:
      if (--columns_ == 0) {
        const bool eof = terms_->eof != MysqlTerms::Eof::kDeprecated;
        state_ = eof ? State::kAfterColumns : State::kRows;
      }
      return Result::kGoesOn;
    case State::kAfterColumns:
      return on_definitions_end(payload, length);
    case State::kRows:
      if (payload[0] == kEofMark && length < kMysqlFull) return on_status(payload);
      ++rows_;
      return Result::kGoesOn;
    case State::kParameters:
    case State::kPreparedColumns:
      if (--columns_ > 0) return Result::kGoesOn;
      return next_of_prepared();
    case State::kAfterParameters:
    case State::kAfterPrepared:
      if (is_eof(payload, length)) {
        terms_->eof = MysqlTerms::Eof::kSent;
        return next_of_prepared();
      }
      if (state_ == State::kAfterPrepared) return Result::kEnded;
      // Without the handshake only this tells that no EOF is sent.
      terms_->eof = MysqlTerms::Eof::kDeprecated;
      next_of_prepared();
      return on_packet(payload, length);
    case State::kList:
      if (payload[0] == kEofMark) return on_status(payload);
      return Result::kGoesOn;
    case State::kStream:
      if (is_eof(payload, length)) return Result::kEnded;
      ++events_;
      return Result::kGoesOn;
    case State::kLogin:
      return payload[0] == kOkMark ? on_status(payload) : Result::kGoesOn;
  }
  return Result::kEnded;
}

MysqlAnswerReader::Result MysqlAnswerReader::on_head(Bytes payload, std::uint32_t length) {
  switch (answer_) {
    case MysqlAnswer::kPrepare:
      if (payload[0] == kOkMark && length >= kPreparedLength) return on_prepared(payload);
      return on_status(payload);
    case MysqlAnswer::kText:
      return Result::kEnded;
    case MysqlAnswer::kResult:
    case MysqlAnswer::kUnknown:
      return on_result_head(payload, length);
    default:
      return on_status(payload);
  }
}

MysqlAnswerReader::Result MysqlAnswerReader::on_result_head(Bytes payload, std::uint32_t length) {
  const bool flagged = (terms_->capabilities & kMysqlOptionalMetadata) != 0 && length <= 4;
  if (payload[0] == kFileMark) return Result::kWantsFile;
  if (payload[0] == kEofMark || (payload[0] == kOkMark && !flagged)) return on_status(payload);
  MysqlReader in(payload);
  bool definitions = true;
  if (flagged) definitions = in.u8() != 0;
  columns_ = in.number();
  // MariaDB leaves out definitions that the client has.
  if (!flagged && in.ok() && in.remaining() == 1) definitions = in.u8() != 0;
  if (length > kLongestCount || !in.ok() || columns_ == 0 || columns_ > kMaxColumns) {
    return Result::kEnded;  // a text, of a command that is not known
  }
  ++result_sets_;
  const bool eof = terms_->eof != MysqlTerms::Eof::kDeprecated;
  state_ = definitions ? State::kColumns : eof ? State::kAfterColumns : State::kRows;
  return Result::kGoesOn;
}

// 0x00, its number, how many columns and parameters
MysqlAnswerReader::Result MysqlAnswerReader::on_prepared(Bytes payload) {
  MysqlReader in(payload);
  in.u8();
  statement_ = in.le32();
  columns_ = in.le16();
  parameters_ = in.le16();
  in.u8();
  ok_.warnings = in.le16();
  prepared_ = true;
  // Kept in the order in which definitions come: parameters first.
  std::swap(columns_, parameters_);
  state_ = State::kParameters;
  if (columns_ > 0) return Result::kGoesOn;
  state_ = State::kAfterParameters;
  return next_of_prepared();
}

// After the definitions of parameters (columns_ of them), an EOF, or nothing.
MysqlAnswerReader::Result MysqlAnswerReader::next_of_prepared() {
  using Eof = MysqlTerms::Eof;
  if (state_ == State::kParameters) {
    state_ = State::kAfterParameters;
    // Where it is not known whether an EOF comes, what comes tells, if something must.
    if (terms_->eof == Eof::kSent || (terms_->eof == Eof::kUnknown && parameters_ > 0)) {
      return Result::kGoesOn;
    }
  } else if (state_ == State::kPreparedColumns) {
    state_ = State::kAfterPrepared;
    if (terms_->eof == Eof::kSent) return Result::kGoesOn;
  }
  if (state_ == State::kAfterPrepared || parameters_ == 0) return Result::kEnded;
  columns_ = parameters_;
  parameters_ = 0;
  state_ = State::kPreparedColumns;
  return Result::kGoesOn;
}

// Behind the columns of a result.
MysqlAnswerReader::Result MysqlAnswerReader::on_definitions_end(Bytes payload,
                                                                std::uint32_t length) {
  state_ = State::kRows;
  if (!is_eof(payload, length)) {
    terms_->eof = MysqlTerms::Eof::kDeprecated;
    return on_packet(payload, length);
  }
  terms_->eof = MysqlTerms::Eof::kSent;
  MysqlOk ok;
  if (!read_mysql_eof(payload, ok)) return Result::kEnded;
  if ((ok.status & kMysqlCursorExists) == 0) return Result::kGoesOn;
  ok_ = ok;
  has_ok_ = true;
  return end_result();  // rows are fetched
}

// OK or EOF: of a command without a result, or at the end of rows.
MysqlAnswerReader::Result MysqlAnswerReader::on_status(Bytes payload) {
  MysqlOk ok;
  if (!read_mysql_eof(payload, ok) && !read_mysql_ok(payload, terms_->capabilities, ok)) {
    return Result::kEnded;
  }
  if (!ok.database.empty()) database_.assign(ok.database);
  if (payload[0] == kOkMark) {
    ++oks_;
    affected_ += ok.affected;
  }
  ok_ = ok;
  ok_.database = {};
  has_ok_ = true;
  return end_result();
}

MysqlAnswerReader::Result MysqlAnswerReader::end_result() {
  const bool results = answer_ == MysqlAnswer::kResult || answer_ == MysqlAnswer::kUnknown;
  if (!results || (ok_.status & kMysqlMoreResults) == 0) return Result::kEnded;
  state_ = State::kHead;
  return Result::kGoesOn;
}

MysqlAnswerReader::Result MysqlAnswerReader::on_error(Bytes payload) {
  MysqlError error;
  if (!read_mysql_error(payload, error)) return Result::kEnded;
  if (error.code == kProgress) return Result::kGoesOn;
  error_code_ = error.code;
  error_state_size_ = std::min(error.state.size(), error_state_.size());
  std::copy_n(error.state.data(), error_state_size_, error_state_.data());
  error_message_size_ = std::min(error.message.size(), error_message_.size());
  std::copy_n(error.message.data(), error_message_size_, error_message_.data());
  return Result::kEnded;
}

}  // namespace weir
