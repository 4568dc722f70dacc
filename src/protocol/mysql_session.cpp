#include "protocol/mysql_session.h"

#include <algorithm>

#include "protocol/mysql_error.h"
#include "protocol/mysql_fields.h"

namespace weir {

using namespace mysql_field;

namespace {

constexpr std::size_t kMaxLogin = 1024;
}  // namespace

MysqlSession::Take MysqlSession::on_packet(Direction direction, const Packet& packet,
                                           MessageSink& sink) {
  if (late_[index(direction)]) finish(direction, packet.earliest, sink);
  return direction == Direction::kToServer ? on_client(packet, sink) : on_server(packet, sink);
}

// --- from the server -----------------------------------------------------------------------------

MysqlSession::Take MysqlSession::on_server(const Packet& packet, MessageSink& sink) {
  if (packet.length == 0) return Take::kPassed;
  if (packet.payload.empty()) return Take::kNeedMore;
  if (phase_ == Phase::kStart) {
    if (!greeted_ && packet.sequence == 0) return on_greeting(packet, sink);
    joined_ = joined_ || !greeted_;
    if (joined_) phase_ = Phase::kCommands;
  }
  const std::uint8_t mark = packet.payload[0];
  if (!answering_ && !begin_answer(packet)) return Take::kPassed;
  if (packet.payload.size() < answer_.wanted(mark, packet.length)) {
    if (!answer_shown_ && answer_begin_ == packet.begin) answering_ = false;
    return Take::kNeedMore;
  }
  switch (answer_.on_packet(packet.payload, packet.length)) {
    case MysqlAnswerReader::Result::kGoesOn:
      break;
    case MysqlAnswerReader::Result::kWantsFile:
      wants_file_ = true;
      file_sequence_ = packet.sequence;
      break;
    case MysqlAnswerReader::Result::kEnded:
      end_answer(packet.end, sink);
      break;
  }
  return Take::kPassed;
}

// The server speaks first: of itself, or why it will not.
MysqlSession::Take MysqlSession::on_greeting(const Packet& packet, MessageSink& sink) {
  const std::size_t needed = std::min<std::size_t>(packet.length, kMaxLogin);
  if (packet.payload.size() < needed) return Take::kNeedMore;
  MysqlGreeting greeting;
  if (read_mysql_greeting(packet.payload, greeting)) {
    greeted_ = true;
    server_capabilities_ = greeting.capabilities;
    server_mariadb_ = greeting.mariadb;
    version_.assign(greeting.version.substr(0, 128));
    return Take::kPassed;
  }
  MysqlError error;
  if (!read_mysql_error(packet.payload, error)) return Take::kInvalid;
  answer_.begin(MysqlAnswer::kLogin, terms_);
  answered_ = &kMysqlConnect;
  answer_kind_ = MessageKind::kUnpaired;
  answer_begin_ = packet.begin;
  answering_ = true;
  answer_shown_ = false;
  (void)answer_.on_packet(packet.payload, packet.length);
  end_answer(packet.end, sink);
  return Take::kPassed;
}

// False for what is no answer's first packet.
bool MysqlSession::begin_answer(const Packet& packet) {
  MysqlPending::Command* const command = pending_.front();
  // Within packets of the compressed protocol they are not numbered alike everywhere.
  const bool numbered = !compressed() && phase_ != Phase::kLogin;
  // Why the server ends an idle connection.
  const bool unasked = numbered && !command && packet.sequence == 0 && packet.payload[0] == 0xff;
  if (!unasked && numbered && packet.sequence != (command ? command->next_sequence : 1))
    return false;
  answered_ = command ? command->command : nullptr;
  answer_.begin(answered_ ? answered_->answer : MysqlAnswer::kUnknown, terms_);
  answer_kind_ = unasked ? MessageKind::kUnpaired : MessageKind::kResponse;
  answer_begin_ = packet.begin;
  answering_ = true;
  answer_shown_ = false;
  wants_file_ = false;
  file_bytes_ = 0;
  return true;
}

void MysqlSession::pause(MessageSink& sink) {
  if (!answering_ || answer_shown_) return;
  Message message;
  message.vocabulary = &kMysqlVocabulary;
  message.kind = answer_kind_;
  message.direction = Direction::kToClient;
  message.begin = answer_begin_;
  message.end = Message::kOpenEnd;
  answer_shown_ = true;
  sink.on(message);
}

void MysqlSession::end_answer(std::uint64_t end, MessageSink& sink) {
  if (end == kLater) {
    pause(sink);
    late_[index(Direction::kToClient)] = true;
    return;
  }
  emit_answer(end, sink);
  apply_answer();
}

void MysqlSession::finish(Direction direction, std::uint64_t end, MessageSink& sink) {
  late_[index(direction)] = false;
  if (direction == Direction::kToServer) {
    sink.end(direction, 0, {end, {}, {}, {}});
  } else {
    end_answer(end, sink);
  }
}

// What the answer has changed in the connection.
void MysqlSession::apply_answer() {
  answering_ = answer_shown_ = wants_file_ = false;
  if (answer_kind_ == MessageKind::kUnpaired) return;
  MysqlPending::Command* const asked = pending_.front();
  const bool failed = answer_.failed();
  if (answer_.has_ok()) {
    dialect_.backslash_escapes = (answer_.ok().status & kMysqlNoBackslashEscapes) == 0;
    if (!answer_.database().empty()) database_ = answer_.database();
  }
  if (answered_ && answered_->answer == MysqlAnswer::kStream) streams_ = false;
  if (asked && asked->command && !failed) {
    const std::uint8_t code = asked->command->code;
    if (answer_.prepared()) {
      last_statement_ = answer_.statement();
      statements_.add(last_statement_, asked->operation, asked->text);
    } else if (asked->remembers && code != kComPrepare) {
      database_ = asked->text;
    }
    if (code == kComChangeUser || code == kComReset) statements_.clear();
  }
  if (phase_ == Phase::kLogin && !failed) phase_ = Phase::kCommands;
  pending_.pop();
}

void MysqlSession::emit_answer(std::uint64_t end, MessageSink& sink) {
  List fields;
  char digits[8];
  std::array<char, 512> room;
  if (answer_kind_ == MessageKind::kUnpaired) {
    fields.add(kSystem, "mysql");
    if (answered_) fields.add(kCommand, answered_->name);
  }
  if (answer_.failed()) {
    const auto last = std::to_chars(digits, digits + sizeof digits, answer_.error_code()).ptr;
    fields.add(kStatusCode, {digits, static_cast<std::size_t>(last - digits)});
    fields.add(kState, answer_.error_state());
    const std::string_view text = answer_.error_message();
    fields.add(kErrorMessage, raw_ ? text : redact_mysql_error(answer_.error_code(), text, room));
  }
  const bool results = answered_ && answered_->answer == MysqlAnswer::kResult;
  const bool rows = answered_ && answered_->answer == MysqlAnswer::kRows;
  if (answer_.result_sets() > 0 || (rows && !answer_.failed())) fields.add(kRows, answer_.rows());
  if (results && answer_.oks() > 0) fields.add(kAffected, answer_.affected());
  if (answer_.result_sets() > 0) fields.add(kResultSets, answer_.result_sets());
  if (answer_.prepared()) fields.add(kStatement, answer_.statement());
  if (answer_.ok().warnings > 0) fields.add(kWarnings, answer_.ok().warnings);
  if (answer_.ok().last_insert_id > 0) fields.add(kInsertId, answer_.ok().last_insert_id);
  if (file_bytes_ > 0) fields.add(kInfile, file_bytes_);
  if (answer_.events() > 0) fields.add(kEvents, answer_.events());
  const Status status = answer_.failed() ? Status::kError : Status::kOk;
  if (answer_shown_) {
    sink.end(Direction::kToClient, 0, {end, {}, status, fields.get()});
    return;
  }
  Message message;
  message.vocabulary = &kMysqlVocabulary;
  message.kind = answer_kind_;
  message.direction = Direction::kToClient;
  message.begin = answer_begin_;
  message.end = end;
  message.status = status;
  message.fields = fields.get();
  sink.on(message);
}

// --- losses and ends -----------------------------------------------------------------------------

void MysqlSession::forget(Direction direction, std::uint64_t position, MessageSink& sink) {
  if (direction == Direction::kToServer) {
    if (late_[0]) finish(direction, position, sink);
    return;
  }
  if (answering_ && answer_shown_) sink.end(direction, 0, {position, {}, {}, {}});
  answering_ = answer_shown_ = wants_file_ = late_[1] = false;
  pending_.clear();
  awaits_command_ = lost_answers_ = true;
}

void MysqlSession::close(Direction direction, std::uint64_t offset, MessageSink& sink) {
  if (direction == Direction::kToServer) return;
  // A stream of events has no end of its own.
  const bool stream = answering_ && answered_ && answered_->answer == MysqlAnswer::kStream;
  if (stream || late_[1]) end_answer(offset, sink);
  late_[1] = false;
}

}  // namespace weir
