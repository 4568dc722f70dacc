// PostgresAnswers: what a PostgreSQL server sends, cut into answers by what the client has asked.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "protocol/decoder.h"
#include "protocol/postgresql_frames.h"
#include "protocol/postgresql_report.h"
#include "protocol/postgresql_requests.h"
#include "protocol/postgresql_session.h"

namespace weir {

class PostgresAnswers {
 public:
  PostgresAnswers(const Limits& limits, PostgresSession& session, PostgresRequests& requests)
      : raw_(limits.raw_queries), session_(session), requests_(requests) {}

  // As Decoder::decode.
  Step decode(Bytes bytes, std::uint64_t offset, MessageSink& sink);
  // Bytes are missing, or make no sense: what was being read has ended where it stands.
  void forget(MessageSink& sink);
  // Nothing more comes, the stream has ended at `offset`: an answer that said all but that the
  // server is ready is one.
  void close(std::uint64_t offset, MessageSink& sink) {
    if (answer_.begun && answer_.done) finish(std::min(position_, offset), sink);
  }

 private:
  using Kind = PostgresSession::Kind;
  enum class Copy : std::uint8_t { kNone, kIn, kOut, kBoth };

  // Text kept until its answer is told.
  template <std::size_t Room>
  struct Kept {
    std::array<char, Room> data;
    std::size_t size = 0;
    void set(std::string_view text) {
      size = std::min(text.size(), Room);
      std::copy_n(text.data(), size, data.data());
    }
    std::string_view text() const { return {data.data(), size}; }
  };

  // The answer being read.
  struct Answer {
    bool begun = false;
    bool shown = false;  // with an open end
    bool done = false;   // its command is complete
    bool failed = false;
    bool has_rows = false, has_size = false;
    char transaction = 0;
    Copy copy = Copy::kNone;
    std::uint64_t begin = 0;
    std::uint64_t rows = 0, bytes = 0;
    std::int64_t affected = -1;
    std::int64_t notices = 0;
    std::uint32_t process = 0;
  };

  Step read_reply(Bytes bytes, std::size_t at, std::uint64_t offset, MessageSink& sink);
  void take(const PostgresFrame& frame, Bytes body, std::uint64_t begin, MessageSink& sink);
  bool take_unasked(const PostgresFrame& frame, Bytes body, std::uint64_t begin, MessageSink& sink);
  void take_skipped(const PostgresFrame& frame, Bytes body, std::uint64_t begin, MessageSink& sink);
  void take_authentication(Bytes body);
  void take_parameter(Bytes body);
  void take_command(Bytes body, std::uint64_t end, MessageSink& sink);
  void take_error(Bytes body, std::uint64_t end, MessageSink& sink);
  void take_notice(Bytes body);
  void take_copy(char type, std::uint64_t end, MessageSink& sink);
  void take_ready(char transaction, std::uint64_t begin, std::uint64_t end, MessageSink& sink);
  void end_of_command(std::uint64_t end, MessageSink& sink);
  void pop_cycle();
  void tell_skipped(std::uint64_t begin, std::uint64_t end, MessageSink& sink);
  void tell_unasked(const PostgresFrame& frame, Bytes body, std::uint64_t begin, MessageSink& sink);
  void begin(std::uint64_t at) {
    if (!answer_.begun) answer_ = {.begun = true, .begin = at};
  }
  void show(MessageSink& sink);
  void finish(std::uint64_t end, MessageSink& sink);
  void add_error(PostgresFieldValues& fields) const;
  void keep_report(const PostgresReport& report);

  const bool raw_;
  PostgresSession& session_;
  PostgresRequests& requests_;
  Answer answer_;
  Kept<64> tag_, version_, authentication_;
  Kept<16> severity_, code_;
  std::string message_, notice_;
  std::uint64_t position_ = 0;  // up to here all was read, or is passed over
  bool skipping_ = false;       // the server passes over what comes before the next Sync
  char last_type_ = 0;
  int doubts_ = 0;  // frames still to be checked
};

}  // namespace weir
