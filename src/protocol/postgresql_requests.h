// PostgresRequests: what a PostgreSQL client sends. Parse, Bind and Describe belong to the Execute
// behind them, Sync to the Execute before it; without Execute they are a request of their own.
#pragma once

#include <string_view>

#include "protocol/decoder.h"
#include "protocol/postgresql_frames.h"
#include "protocol/postgresql_session.h"
#include "protocol/postgresql_statements.h"

namespace weir {

class PostgresRequests {
 public:
  PostgresRequests(const Limits& limits, PostgresSession& session)
      : raw_(limits.raw_queries), session_(session) {}

  // As Decoder::decode.
  Step decode(Bytes bytes, std::uint64_t offset, MessageSink& sink);
  // Bytes are missing, or make no sense: what was being put together has ended where it stands.
  void forget(MessageSink& sink);
  // The stream has ended at `offset`, maybe within what was to be passed over.
  void close(std::uint64_t offset, MessageSink& sink);
  // What the client has prepared ahead failed, so that it is a request of its own.
  void show_flushed(MessageSink& sink);

 private:
  enum class Read : std::uint8_t { kRead, kMore, kSkip, kInvalid };
  using Kind = PostgresSession::Kind;

  // The round trip that the client is putting together.
  struct Asking {
    bool begun = false;
    bool shown = false;  // with an open end
    bool late = false;   // its statement was prepared before weir came
    char type = 0;       // of its last frame
    std::uint64_t begin = 0;
    PostgresStatements::Reference statement{};
  };

  Read read_startup(Bytes bytes, std::size_t& at, std::uint64_t offset, MessageSink& sink);
  Read read_frame(Bytes bytes, std::size_t& at, std::uint64_t offset, std::uint64_t& skip,
                  MessageSink& sink);
  void take(const PostgresFrame& frame, Bytes body, std::uint64_t begin, MessageSink& sink);
  void take_parse(Bytes body);
  void take_bind(Bytes body);
  void take_target(char type, Bytes body);
  void take_execute(Bytes body);
  void take_flush(std::uint64_t end, MessageSink& sink);
  void take_sync(std::uint64_t begin, std::uint64_t end, MessageSink& sink);
  void show_simple(Bytes body, std::uint64_t begin, std::uint64_t end, MessageSink& sink);
  void show_startup(Bytes params, std::uint64_t begin, std::uint64_t end, MessageSink& sink);
  void show_other(std::string_view name, std::string_view message, MessageKind kind,
                  std::uint64_t begin, std::uint64_t end, std::uint32_t process, MessageSink& sink);
  void show_asking(std::uint64_t end, std::string_view message, MessageSink& sink);
  void tell(const Message& message, MessageSink& sink);
  void finish_asking(std::uint64_t end, std::string_view message, MessageSink& sink);
  void begin(std::uint64_t at) {
    if (!asking_.begun) asking_ = {.begun = true, .begin = at};
  }
  void use(PostgresStatements::Reference statement);
  void end_tail(MessageSink& sink);

  const bool raw_;
  PostgresSession& session_;
  PostgresStatements statements_;
  Asking asking_;
  Asking flushed_;  // what the server is to answer before anything is executed
  std::uint64_t flushed_end_ = 0;
  std::uint64_t resume_ = 0;    // up to here all has been read, or is passed over
  std::uint64_t tail_end_ = 0;  // of the Execute whose end is open
  bool tail_ = false;           // there is one
  bool tail_is_named_ = true;   // its first part told already that it is an Execute
  bool executed_ = false;       // since the last Sync
  int doubts_ = 0;              // frames still to be checked
};

}  // namespace weir
