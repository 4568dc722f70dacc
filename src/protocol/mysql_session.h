// MysqlSession: what the packets of a connection mean. It follows the login, pairs each command
// with the shape of its answer, remembers prepared statements, and emits the messages.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/decoder.h"
#include "protocol/mysql_answer.h"
#include "protocol/mysql_commands.h"
#include "protocol/mysql_pending.h"
#include "protocol/mysql_statements.h"
#include "protocol/mysql_wire.h"
#include "protocol/sql_text.h"

namespace weir {

extern const Vocabulary kMysqlVocabulary;

class MysqlSession {
 public:
  static constexpr std::uint64_t kLater = Message::kOpenEnd;

  struct Packet {
    Bytes payload;  // what of it is here
    std::uint32_t length = 0;
    std::uint8_t sequence = 0;
    // Offsets in the stream. kLater: not known yet, finish() will tell; before `earliest` it is
    // not.
    std::uint64_t begin = 0, end = 0, earliest = 0;
  };
  enum class Take : std::uint8_t { kPassed, kNeedMore, kInvalid, kSwitch };

  explicit MysqlSession(const Limits& limits) : raw_(limits.raw_queries) {}

  Take on_packet(Direction direction, const Packet& packet, MessageSink& sink);
  // A row of the answer that is being read, which needs no look.
  bool is_row(std::uint8_t mark, std::uint32_t length) const {
    return answering_ && !late_[1] && answer_.is_row(mark, length);
  }
  void on_row() { answer_.on_row(); }
  // A packet that goes on with the command before it: the answer's numbers follow its number.
  void on_continued(std::uint8_t sequence) {
    if (MysqlPending::Command* last = pending_.back()) {
      last->next_sequence = static_cast<std::uint8_t>(sequence + 1);
    }
  }
  // No more bytes are here: shows an answer that has begun.
  void pause(MessageSink& sink);
  // The end of what on_packet() took with an end of kLater.
  bool is_late(Direction direction) const { return late_[index(direction)]; }
  void finish(Direction direction, std::uint64_t end, MessageSink& sink);
  // After a loss: what was being read ended at `position`.
  void forget(Direction direction, std::uint64_t position, MessageSink& sink);
  void close(Direction direction, std::uint64_t offset, MessageSink& sink);

  // Whether the login was seen.
  bool agreed() const { return terms_.known; }
  bool compressed() const { return phase_ == Phase::kCommands && packs_; }
  // Joined in its middle, where packets are packed.
  void set_compressed() {
    joined_ = packs_ = true;
    phase_ = Phase::kCommands;
  }
  // A client that sends a command has got the end of its login.
  void leave_login() {
    if (phase_ == Phase::kLogin) phase_ = Phase::kCommands;
  }
  bool to_tls() const { return phase_ == Phase::kTls; }
  // Of the first packet of the next answer.
  std::uint8_t next_sequence() const {
    const MysqlPending::Command* next = pending_.front();
    return next ? next->next_sequence : 1;
  }
  // Nothing from the server is of use before the next command.
  bool awaits_command() const { return awaits_command_; }

 private:
  enum class Phase : std::uint8_t { kStart, kLogin, kCommands, kTls };

  struct Asked;

  static std::size_t index(Direction direction) { return static_cast<std::size_t>(direction); }
  Take on_client(const Packet& packet, MessageSink& sink);
  Take on_login(const Packet& packet, MessageSink& sink);
  Take on_command(const Packet& packet, MessageSink& sink);
  Take on_server(const Packet& packet, MessageSink& sink);
  Take on_greeting(const Packet& packet, MessageSink& sink);
  bool begin_answer(const Packet& packet);
  void end_answer(std::uint64_t end, MessageSink& sink);
  void apply_answer();
  void emit_answer(std::uint64_t end, MessageSink& sink);
  void emit_request(const MysqlCommand& command, const Packet& packet,
                    std::span<const FieldValue> fields, bool known, MessageSink& sink);
  void describe_sql(const MysqlCommand& command, Bytes payload, MysqlPending::Command* pending,
                    Asked& asked);
  void describe_statement(Bytes payload, const MysqlPending::Command* preparing, Asked& asked);
  void describe_database(const MysqlCommand& command, Bytes payload, MysqlPending::Command* pending,
                         Asked& asked);

  const bool raw_;
  Phase phase_ = Phase::kStart;
  MysqlTerms terms_;
  SqlDialect dialect_ = kMysqlSql;
  std::uint32_t server_capabilities_ = ~std::uint32_t{0}, server_mariadb_ = ~std::uint32_t{0};
  std::string version_, database_;
  MysqlPending pending_;
  MysqlStatements statements_;
  std::uint32_t last_statement_ = 0;
  bool greeted_ = false;
  bool joined_ = false;  // the login was not seen
  bool packs_ = false;   // from the end of the login on
  bool streams_ = false;
  bool awaits_command_ = false, lost_answers_ = false;
  // The answer that is being read.
  MysqlAnswerReader answer_;
  const MysqlCommand* answered_ = nullptr;  // null: not known
  MessageKind answer_kind_ = MessageKind::kResponse;
  std::uint64_t answer_begin_ = 0;
  bool answering_ = false, answer_shown_ = false;
  bool wants_file_ = false;
  std::uint8_t file_sequence_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::array<bool, 2> late_{};  // by Direction: a message whose end finish() tells
};

}  // namespace weir
