#include "protocol/mysql_session.h"

#include <algorithm>

#include "protocol/mysql_error.h"
#include "protocol/mysql_fields.h"

namespace weir {

using namespace mysql_field;

namespace {

constexpr const Field* kAsked[] = {&kCommand, &kQuery};
constexpr const Field* kAnswered[] = {&kErrorMessage, &kRows, &kAffected};
constexpr const Field* kLabels[] = {&kOperation, &kStatusCode};
constexpr Vocabulary kVocabulary{"mysql", MetricFamily::kDb, "mysql", kAsked, kAnswered, kLabels};

constexpr std::size_t kMaxQuery = FieldList::kMaxTextBytes;
constexpr std::size_t kMaxLogin = 1024;
constexpr std::uint32_t kLastStatement = 0xffffffff;  // the one just prepared (MariaDB)
constexpr std::uint8_t kSemiSync = 0xef;              // an acknowledgment of events

// The name behind USE; empty when that is not what `sql` is.
std::string_view used_database(std::string_view sql) {
  constexpr std::string_view kBlanks = " \t\r\n;";
  constexpr std::string_view kQuotes = "`\"";
  const auto begin = sql.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  sql.remove_prefix(begin);
  const auto is = [&](std::size_t i, char c) { return (sql[i] | 0x20) == c; };
  if (sql.size() < 5 || !is(0, 'u') || !is(1, 's') || !is(2, 'e')) return {};
  if (sql[3] != ' ' && sql[3] != '`') return {};
  sql.remove_prefix(3);
  sql.remove_prefix(std::min(sql.size(), sql.find_first_not_of(kBlanks)));
  sql = sql.substr(0, sql.find_last_not_of(kBlanks) + 1);
  if (sql.size() > 2 && kQuotes.find(sql.front()) != std::string_view::npos &&
      sql.front() == sql.back()) {
    return sql.substr(1, sql.size() - 2);
  }
  return sql.find_first_of(" ;\t\n`") == std::string_view::npos ? sql : std::string_view{};
}

}  // namespace

MysqlSession::Take MysqlSession::on_packet(Direction direction, const Packet& packet,
                                           MessageSink& sink) {
  if (late_[index(direction)]) finish(direction, packet.earliest, sink);
  return direction == Direction::kToServer ? on_client(packet, sink) : on_server(packet, sink);
}

// --- from the client -----------------------------------------------------------------------------

MysqlSession::Take MysqlSession::on_client(const Packet& packet, MessageSink& sink) {
  const bool first = packet.sequence == 0;
  if (phase_ == Phase::kStart) {
    if (!first) return on_login(packet, sink);
    joined_ = true;
  }
  if (wants_file_) {
    const auto expected = static_cast<std::uint8_t>(file_sequence_ + 1);
    if (!first || expected == 0) {
      file_sequence_ = packet.sequence;
      file_bytes_ += packet.length;
      if (packet.length == 0) wants_file_ = false;
      return Take::kPassed;
    }
    wants_file_ = false;
  }
  // What authentication asks for, or what no answer to was seen.
  if (!first || packet.length == 0) return Take::kPassed;
  if (streams_ && !packet.payload.empty() && packet.payload[0] == kSemiSync) return Take::kPassed;
  return on_command(packet, sink);
}

MysqlSession::Take MysqlSession::on_login(const Packet& packet, MessageSink& sink) {
  const std::size_t needed = std::min<std::size_t>(packet.length, kMaxLogin);
  if (packet.payload.size() < needed) return Take::kNeedMore;
  MysqlLogin login;
  if (!read_mysql_login(packet.payload, login)) return Take::kInvalid;
  const std::uint32_t agreed = login.capabilities & server_capabilities_;
  terms_.capabilities = agreed;
  terms_.mariadb = login.mariadb & server_mariadb_;
  terms_.eof =
      (agreed & kMysqlDeprecateEof) != 0 ? MysqlTerms::Eof::kDeprecated : MysqlTerms::Eof::kSent;
  terms_.known = true;
  List fields;
  fields.add(kSystem, "mysql");
  fields.add(kCommand, kMysqlConnect.name);
  fields.add(kNamespace, login.database);
  fields.add(kUser, login.user);
  fields.add(kVersion, version_);
  if (login.to_tls) {
    phase_ = Phase::kTls;
    static constexpr MysqlCommand kNoAnswer{0, "CONNECT", MysqlAnswer::kNone};
    emit_request(kNoAnswer, packet, fields.get(), true, sink);
    return Take::kSwitch;
  }
  packs_ = (agreed & (kMysqlCompress | kMysqlZstd)) != 0;
  phase_ = Phase::kLogin;
  pending_.clear();
  if (MysqlPending::Command* command = pending_.push()) {
    command->command = &kMysqlConnect;
    command->next_sequence = static_cast<std::uint8_t>(packet.sequence + 1);
    command->remembers = true;
    command->text.assign(login.database);
  }
  emit_request(kMysqlConnect, packet, fields.get(), true, sink);
  return Take::kPassed;
}

MysqlSession::Take MysqlSession::on_command(const Packet& packet, MessageSink& sink) {
  if (packet.payload.empty()) return Take::kNeedMore;
  const MysqlCommand* command = find_mysql_command(packet.payload[0]);
  if (!command || !fits(*command, packet.length)) return Take::kInvalid;
  const bool sql = command->code == kComQuery || command->code == kComPrepare;
  const std::size_t needed =
      std::min<std::size_t>(packet.length, sql                               ? kMaxQuery
                                           : command->code == kComChangeUser ? kMaxLogin
                                                                             : 16);
  const std::size_t named = command->code == kComInitDb ? packet.length : needed;
  if (packet.payload.size() < named) return Take::kNeedMore;
  // Commands are sent once the login has ended, whether that was seen or not.
  phase_ = Phase::kCommands;
  streams_ = command->answer == MysqlAnswer::kStream;
  awaits_command_ = false;
  const MysqlPending::Command* const before = pending_.back();
  const bool after_prepare = before && before->command->code == kComPrepare;
  MysqlPending::Command* pending = nullptr;
  if (command->answer != MysqlAnswer::kNone) {
    pending = pending_.push();
    if (pending) pending->command = command;
  }
  const Bytes payload = packet.payload.subspan(1);
  List fields;
  std::array<char, kMaxQuery> room;
  SqlText shown;
  std::string_view database = database_;
  bool stateless = true;
  fields.add(kSystem, "mysql");
  fields.add(kCommand, command->name);
  MysqlLogin login;
  if (sql) {
    const std::string_view text = find_mysql_query(payload, terms_.capabilities);
    shown = read_sql(text, dialect_, raw_, room);
    fields.add(kOperation, shown.operation.text());
    fields.add(kQuery, shown.text);
    if (pending && command->code == kComPrepare) {
      pending->remembers = true;
      pending->text.assign(shown.text.substr(0, MysqlStatements::kMaxText));
      pending->operation = shown.operation;
    } else if (pending) {
      pending->text.assign(used_database(text));
      pending->remembers = !pending->text.empty();
    }
  } else if (command->statement) {
    const std::uint32_t number = load_le32(payload.data());
    const bool last = number == kLastStatement;
    if (!last) fields.add(kStatement, number);
    if (last && after_prepare && pending) {  // sent before its PREPARE was answered
      const MysqlPending::Command& preparing = *pending_.before_back();
      fields.add(kOperation, preparing.operation.text());
      fields.add(kQuery, preparing.text);
    } else if (const auto* statement = statements_.find(last ? last_statement_ : number)) {
      fields.add(kOperation, statement->operation.text());
      fields.add(kQuery, statement->text);
    } else {
      stateless = false;
    }
  } else if (command->code == kComInitDb) {
    database = as_text(payload.first(std::min<std::size_t>(payload.size(), packet.length - 1)));
    if (pending) {
      pending->remembers = true;
      pending->text.assign(database);
    }
  } else if (command->code == kComChangeUser) {
    if (read_mysql_change_user(payload, terms_.capabilities, login)) {
      database = login.database;
      fields.add(kUser, login.user);
    }
    if (pending) {
      pending->remembers = true;
      pending->text.assign(database);
    }
  }
  fields.add(kNamespace, database);
  emit_request(*command, packet, fields.get(), stateless, sink);
  if (command->code == kComClose) statements_.remove(load_le32(payload.data()));
  return Take::kPassed;
}

void MysqlSession::emit_request(const MysqlCommand& command, const Packet& packet,
                                std::span<const FieldValue> fields, bool stateless,
                                MessageSink& sink) {
  Message message;
  message.vocabulary = &kVocabulary;
  message.kind =
      command.answer == MysqlAnswer::kNone ? MessageKind::kOneWay : MessageKind::kRequest;
  message.direction = Direction::kToServer;
  message.begin = packet.begin;
  message.end = packet.end;
  if (joined_ || !stateless) message.quality = Quality::kLateJoin;
  message.fields = fields;
  late_[index(Direction::kToServer)] = packet.end == kLater;
  sink.on(message);
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
  if (numbered && packet.sequence != (command ? command->next_sequence : 1)) return false;
  answered_ = command ? command->command : nullptr;
  answer_.begin(answered_ ? answered_->answer : MysqlAnswer::kUnknown, terms_);
  answer_kind_ = MessageKind::kResponse;
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
  message.vocabulary = &kVocabulary;
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
    fields.add(kCommand, answered_->name);
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
  message.vocabulary = &kVocabulary;
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
  awaits_command_ = true;
}

void MysqlSession::close(Direction direction, std::uint64_t offset, MessageSink& sink) {
  if (direction == Direction::kToServer) return;
  // A stream of events has no end of its own.
  const bool stream = answering_ && answered_ && answered_->answer == MysqlAnswer::kStream;
  if (stream || late_[1]) end_answer(offset, sink);
  late_[1] = false;
}

}  // namespace weir
